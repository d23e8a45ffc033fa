//! The three panels and the cards that travel between them, drawn from one [`Moment`] of the story.

use crate::{
    film::{FPS, chapter_at},
    raster::{Canvas, Paint, disc, ease, hex, line, mix, rounded},
    scene::dusk,
    stage::{
        Stage,
        colour::{AMBER, DIM, EDGE, FAINT, NIGHT, PANEL, RED, TEAL, TEXT, VIOLET, WELL},
    },
    story::{Actor, FLIGHT, Moment, Role, Slot, State, WRITE, slot_of},
    text::{Align, Faces},
};

/// Left edge and width of the panels.
const DECODER: (f32, f32) = (48.0, 304.0);
const SLOTS: (f32, f32) = (400.0, 480.0);
const RENDERER: (f32, f32) = (928.0, 304.0);
/// A card's middle and width (it is 16:9): in the decoder, and on the renderer's screen.
const BAY: (f32, f32, f32) = (200.0, 318.0, 192.0);
const SCREEN: (f32, f32, f32) = (1080.0, 278.5, 264.0);

/// A card's middle and width in a slot.
fn berth(slot: usize) -> (f32, f32, f32) {
    (490.0 + 150.0 * slot as f32, 268.0, 112.0)
}

/// The colour of a state, everywhere in the film.
fn tint(state: State) -> (Paint, &'static str) {
    match state {
        State::Free => (FAINT, "FREE"),
        State::Writing => (AMBER, "WRITING"),
        State::Ready => (TEAL, "READY"),
        State::Reading => (VIOLET, "READING"),
    }
}

/// Draws all three panels, then what flies above them.
pub(crate) fn draw(stage: &Stage, canvas: &mut Canvas, frame: u32, moment: &Moment) {
    let chapter = chapter_at(frame).number;
    // The chapter's panel is lit; the first chapter shows one process after the other.
    let lit = |turn: f32, own: u32, role: &Role| {
        let intro = ease(turn * 45.0, turn * 45.0 + 12.0, frame as f32)
            * ease(turn * 45.0 + 57.0, turn * 45.0 + 40.0, frame as f32);
        if chapter == own { f32::from(u8::from(role.alive)) } else { intro }
    };
    let lamp = |role: &Role| if role.alive { TEAL } else { RED };
    let pid = |role: &Role| format!("pid {}", role.pid);
    stage.panel(canvas, DECODER, "decoder", lamp(&moment.decoder), &pid(&moment.decoder), lit(0.0, 4, &moment.decoder));
    stage.panel(
        canvas,
        RENDERER,
        "renderer",
        lamp(&moment.renderer),
        &pid(&moment.renderer),
        lit(1.0, 5, &moment.renderer),
    );
    let shared = if chapter == 2 || chapter == 3 { 1.0 } else { 0.0 };
    stage.panel(canvas, SLOTS, "slots", TEAL, "shared memory", shared);
    decoder(stage, canvas, frame, moment);
    renderer(stage, canvas, frame, moment);
    for (i, slot) in moment.slots.iter().enumerate() {
        draw_slot(stage, canvas, frame, i, slot, moment);
    }
    bells(stage, canvas, frame, moment);
    for (x, role) in [(DECODER.0, &moment.decoder), (RENDERER.0, &moment.renderer)] {
        death(stage, canvas, frame, x, role);
    }
    flights(stage, canvas, frame, moment);
}

/// A travelling frame: its picture, its number, an edge and a glow of its state's colour.
fn card(
    stage: &Stage,
    canvas: &mut Canvas,
    (x, y, w): (f32, f32, f32),
    number: u32,
    tint: Paint,
    alpha: f32,
    glow: f32,
) {
    let h = w * 9.0 / 16.0;
    let shape = rounded(x - w / 2.0, y - h / 2.0, w, h, 7.0);
    canvas.glow(shape, 22.0, tint.fade(0.5 * alpha * glow));
    canvas.picture(shape, alpha, |u, v| dusk(u, v, number as f32, 1.0 / h));
    canvas.stroke(shape, 1.5, tint.fade(alpha));
    badge(stage, canvas, (x + w / 2.0 - 6.0, y + h / 2.0 - 6.0), number, alpha);
}

/// A frame's number on a dark plate, at the bottom right corner given.
fn badge(stage: &Stage, canvas: &mut Canvas, (right, bottom): (f32, f32), number: u32, alpha: f32) {
    let text = number.to_string();
    let w = stage.faces.mono.width(14.0, &text) + 12.0;
    canvas.fill(rounded(right - w, bottom - 20.0, w, 20.0, 5.0), NIGHT.fade(0.78 * alpha));
    stage.faces.mono.draw(canvas, 14.0, (right - 6.0, bottom - 5.0), Align::Right, TEXT.fade(alpha), &text);
}

/// Packets run in, a picture is put together block by block and waits until its slot is free.
fn decoder(stage: &Stage, canvas: &mut Canvas, frame: u32, moment: &Moment) {
    let (x, y, w) = BAY;
    let h = w * 9.0 / 16.0;
    let running = moment.decoder.alive;
    let well = rounded(68.0, 204.0, 264.0, 38.0, 8.0);
    canvas.fill(well, WELL);
    for i in 0..14 {
        // A packet's length from its index; they move two pixels a frame and wrap around out of sight.
        let place = (i as f32 * 22.0 + if running { frame as f32 * 2.0 } else { 0.0 }) % 308.0 - 22.0;
        let long = 8.0 + (i * 37 % 11) as f32;
        let at = 68.0 + place;
        let inside = ease(72.0, 104.0, at) * ease(326.0, 296.0, at + long);
        let paint = if i * 7 % 5 == 0 { VIOLET } else { FAINT };
        canvas.fill(rounded(at, 216.0 + (i % 2) as f32 * 9.0, long, 5.0, 2.5), paint.fade(inside));
    }
    let shape = rounded(x - w / 2.0, y - h / 2.0, w, h, 7.0);
    canvas.fill(shape, WELL);
    canvas.stroke(shape, 1.5, EDGE);
    let number = moment.decoder.number;
    let slot = &moment.slots[slot_of(number)];
    let writing = slot.state == State::Writing;
    // While a frame is written its picture has left the bay, and the next one takes shape.
    let (number, age) =
        if writing { (number + 1, frame - slot.since) } else { (number, frame - moment.decoder.rested + WRITE) };
    let done = if running { ease(2.0, 34.0, age as f32) } else { 0.0 };
    canvas.picture(shape, 1.0, |u, v| {
        let (column, row) = ((u * 16.0) as u32, (v * 9.0) as u32);
        let order = (row * 16 + column) as f32 / 144.0 * 0.8 + (column * 7 + row * 13) as f32 % 5.0 * 0.04;
        let fresh = ((done - order) * 8.0).clamp(0.0, 1.0);
        let well = WELL.rgb;
        let picture = dusk(u, v, number as f32, 1.0 / h);
        std::array::from_fn(|i| mix(well[i], picture[i], fresh))
    });
    if done >= 1.0 {
        badge(stage, canvas, (x + w / 2.0 - 6.0, y + h / 2.0 - 6.0), number, 1.0);
    }
    let Faces { body, mono, .. } = &stage.faces;
    mono.draw(canvas, 15.0, (x, 406.0), Align::Centre, TEXT, &format!("frame {number}"));
    let does = match (writing, slot.state) {
        _ if done < 1.0 => "decodes",
        (true, _) => "writes the one before",
        (false, State::Free) => "takes a free slot",
        (false, _) => "waits for a free slot",
    };
    body.draw(canvas, 14.0, (x, 430.0), Align::Centre, DIM, does);
}

/// The film on its screen, and the numbers shown so far.
fn renderer(stage: &Stage, canvas: &mut Canvas, frame: u32, moment: &Moment) {
    let (x, y, w) = SCREEN;
    let h = w * 9.0 / 16.0;
    let screen = rounded(x - w / 2.0, y - h / 2.0, w, h, 8.0);
    canvas.fill(screen, WELL);
    if let Some((number, since)) = moment.shown {
        let age = (frame - since) as f32;
        canvas.glow(screen, 22.0, hex(0xe8_9a78).fade(0.20 + 0.25 * ease(14.0, 0.0, age)));
        let t = number as f32 + (age / FPS as f32).min(1.0);
        canvas.picture(screen, 1.0, |u, v| dusk(u, v, t, 1.0 / h));
        badge(stage, canvas, (x + w / 2.0 - 8.0, y + h / 2.0 - 8.0), number, 1.0);
    }
    canvas.stroke(screen, 1.5, EDGE);
    let Faces { body, mono, .. } = &stage.faces;
    body.draw(canvas, 14.0, (948.0, 391.0), Align::Left, DIM, "presented, each once, in order");
    // `next` is the first number that was not yet presented.
    let next = moment.renderer.number + u32::from(moment.shown.is_some_and(|(n, _)| n == moment.renderer.number));
    let slide = match moment.shown {
        Some((number, since)) if number + 1 == next => 1.0 - ease(0.0, 12.0, (frame - since) as f32),
        _ => 0.0,
    };
    for place in 0..6 {
        let Some(number) = (next + place).checked_sub(6) else { continue };
        // All move one place to the left; the oldest fades away, the newest rises into the place left for it.
        let newest = if place == 5 { 1.0 } else { 0.0 };
        let left = 948.0 + 54.0 * (place as f32 - 1.0 + slide * (1.0 - newest));
        let shown =
            if place == 0 { (2.0 * slide - 1.0).max(0.0) } else { mix(1.0, (1.0 - 6.0 * slide).max(0.0), newest) };
        let top = 406.0 + 8.0 * slide * newest;
        let chip = rounded(left.max(948.0), top, 48.0, 30.0, 8.0);
        canvas.fill(chip, WELL.mix(VIOLET, 0.22 * newest).fade(shown));
        canvas.stroke(chip, 1.5, EDGE.mix(VIOLET, newest).fade(shown));
        mono.draw(
            canvas,
            15.0,
            (left.max(948.0) + 24.0, top + 20.5),
            Align::Centre,
            TEXT.fade(shown * mix(0.65, 1.0, newest)),
            &number.to_string(),
        );
    }
}

/// A slot: its name, what it holds and the word that says who owns it.
fn draw_slot(stage: &Stage, canvas: &mut Canvas, frame: u32, index: usize, slot: &Slot, moment: &Moment) {
    let (x, y, w) = berth(index);
    let (paint, word) = tint(slot.state);
    let age = (frame - slot.since) as f32;
    let fresh = if slot.since == 0 { 0.0 } else { ease(16.0, 0.0, age) };
    let orphan = match slot.state {
        State::Writing => !moment.decoder.alive,
        State::Reading => !moment.renderer.alive,
        State::Free | State::Ready => false,
    };
    let edge = if orphan { paint.mix(RED, 0.5 + 0.5 * (frame as f32 * 0.5).sin()) } else { paint };
    let shape = rounded(x - 66.0, 204.0, 132.0, 148.0, 12.0);
    canvas.glow(shape, 20.0, edge.fade(0.45 * fresh));
    canvas.fill(shape, WELL);
    canvas.stroke(shape, 1.5, EDGE.mix(edge, if slot.state == State::Free { 0.35 } else { 0.9 }));
    stage.faces.mono.draw(canvas, 13.0, (x - 56.0, 225.0), Align::Left, DIM, &format!("slot {index}"));
    if slot.by == Actor::Supervisor && slot.since > 0 {
        let seen = ease(0.0, 6.0, age) * ease(60.0, 40.0, age);
        stage.faces.mono.draw(canvas, 11.0, (x + 56.0, 224.5), Align::Right, TEAL.fade(seen), "recovered");
    }
    let well = rounded(x - w / 2.0, y - w * 9.0 / 32.0, w, w * 9.0 / 16.0, 7.0);
    canvas.stroke(well, 1.0, EDGE);
    let arrived = age >= FLIGHT as f32 || orphan;
    match slot.state {
        State::Writing if arrived => {
            card(stage, canvas, (x, y, w), slot.number, edge, if orphan { 0.4 } else { 1.0 }, 1.0)
        }
        State::Ready => card(stage, canvas, (x, y, w), slot.number, paint, 1.0, fresh),
        State::Reading => card(stage, canvas, (x, y, w), slot.number, edge, 0.55, 0.6),
        // What was released fades away: the slot is free at once, its bytes are simply of no use any more.
        State::Free if slot.since > 0 => {
            card(stage, canvas, (x, y, w), slot.number, paint, 0.5 * ease(12.0, 0.0, age), 0.0)
        }
        State::Free | State::Writing => {}
    }
    let pill = rounded(x - 56.0, 312.0, 112.0, 28.0, 14.0);
    canvas.fill(pill, PANEL.mix(edge, 0.20 + 0.25 * fresh));
    if slot.state == State::Writing {
        let share = (age / WRITE as f32).min(1.0);
        canvas.fill(rounded(x - 56.0, 312.0, (112.0 * share).max(28.0), 28.0, 14.0), paint.fade(0.22));
    }
    let ink = if slot.state == State::Free { DIM } else { edge.mix(TEXT, 0.25) };
    stage.faces.mono.draw(canvas, 14.0, (x, 331.0), Align::Centre, ink, word);
}

/// The two semaphores: each ring swings its bell and sends a pulse to the role that it wakes.
fn bells(stage: &Stage, canvas: &mut Canvas, frame: u32, moment: &Moment) {
    let ways = [("«empty»", "wakes the decoder", 444.0, -1.0), ("«filled»", "wakes the renderer", 836.0, 1.0)];
    for ((name, what, x, side), rung) in ways.into_iter().zip(moment.rings) {
        let y = 410.0;
        let age = rung.map_or(1e3, |at| (frame - at) as f32);
        let loud = (-age / 9.0).exp();
        let paint = DIM.mix(if side < 0.0 { AMBER } else { TEAL }, (loud * 1.6).min(1.0));
        let edge = x + side * 44.0;
        canvas.fill(line(x + side * 26.0, y, edge + side * 48.0, y, 1.5), EDGE.mix(paint, loud));
        if age < 14.0 {
            let at = mix(x + side * 26.0, edge + side * 48.0, ease(0.0, 14.0, age));
            canvas.glow(disc(at, y, 2.0), 14.0, paint.fade(0.7));
            canvas.fill(disc(at, y, 3.5), paint);
        }
        for ring in 0..3 {
            let r = 18.0 + (age - 4.0 * ring as f32) * 1.6;
            if r > 18.0 && age < 20.0 {
                canvas.stroke(disc(x, y, r), 1.5, paint.fade(0.7 * loud * ease(20.0, 8.0, age)));
            }
        }
        canvas.glow(disc(x, y, 8.0), 22.0, paint.fade(0.5 * loud));
        let swing = 0.5 * loud * (age * 0.9).sin();
        let (sin, cos) = swing.sin_cos();
        canvas.sampled([x - 18.0, y - 18.0, x + 18.0, y + 18.0], paint, |px, py| {
            let (dx, dy) = ((px - x) / 15.0, (py - y + 13.0) / 15.0);
            bell(dx * cos + dy * sin, dy * cos - dx * sin)
        });
        let align = if side < 0.0 { Align::Left } else { Align::Right };
        let Faces { title, body, .. } = &stage.faces;
        title.draw(canvas, 16.0, (x - side * 30.0, y - 2.0), align, TEXT, name);
        body.draw(canvas, 13.0, (x - side * 30.0, y + 16.0), align, DIM, what);
    }
}

/// Whether a point is inside a bell that hangs from (0, 0) and is two high.
fn bell(x: f32, y: f32) -> bool {
    let x = x.abs();
    let knob = x.hypot(y - 0.08) < 0.16;
    let dome = (0.12..1.25).contains(&y)
        && x < 0.62 * (1.0 - (1.0 - (y - 0.12) / 0.75).max(0.0).powi(2)).sqrt() + (y - 0.95).max(0.0) * 0.5;
    let rim = (1.25..1.45).contains(&y) && x < 0.95;
    let clapper = x.hypot(y - 1.55) < 0.24 && y > 1.55;
    knob || dome || rim || clapper
}

/// A role's panel flickers and goes dark when it is killed, and comes back with its successor.
fn death(stage: &Stage, canvas: &mut Canvas, frame: u32, x: f32, role: &Role) {
    let age = (frame - role.since) as f32;
    let dark = match role.alive {
        true if role.since > 0 => ease(16.0, 0.0, age),
        true => return,
        false if age < 12.0 => [0.95, 0.30, 0.85, 0.15, 0.60, 0.90, 0.25, 0.75, 0.40, 0.95, 0.60, 0.90][age as usize],
        false => 1.0,
    };
    canvas.fill(rounded(x + 2.0, 192.0, 300.0, 272.0, 13.0), NIGHT.fade(0.88 * dark));
    canvas.stroke(rounded(x, 146.0, 304.0, 320.0, 14.0), 1.5, RED.fade(0.8 * dark));
    if !role.alive && age >= 6.0 {
        let seen = ease(6.0, 14.0, age);
        canvas.glow(rounded(x + 72.0, 284.0, 160.0, 44.0, 10.0), 30.0, RED.fade(0.22 * seen));
        canvas.stroke(rounded(x + 72.0, 284.0, 160.0, 46.0, 10.0), 2.0, RED.fade(seen));
        stage.faces.mono.draw(canvas, 26.0, (x + 152.0, 316.0), Align::Centre, RED.fade(seen), "SIGKILL");
        let line = format!("kill -9 {}", role.pid);
        stage.faces.mono.draw(canvas, 14.0, (x + 152.0, 356.0), Align::Centre, DIM.fade(seen), &line);
    }
}

/// The cards in the air: to the slot while it is written, to the screen while it is read.
fn flights(stage: &Stage, canvas: &mut Canvas, frame: u32, moment: &Moment) {
    for (i, slot) in moment.slots.iter().enumerate() {
        let age = (frame - slot.since) as f32;
        let (from, to, role) = match slot.state {
            State::Writing => (BAY, berth(i), &moment.decoder),
            State::Reading => (berth(i), SCREEN, &moment.renderer),
            State::Free | State::Ready => continue,
        };
        // A killed role's card stops where it is and fades.
        let (fly, alpha) = if role.alive {
            (age, 1.0)
        } else {
            ((role.since - slot.since) as f32, ease(14.0, 0.0, (frame - role.since) as f32))
        };
        let way = ease(0.0, FLIGHT as f32, fly);
        if age >= FLIGHT as f32 && role.alive || alpha <= 0.0 {
            continue;
        }
        let at = (
            mix(from.0, to.0, way),
            mix(from.1, to.1, way) - 22.0 * (way * std::f32::consts::PI).sin(),
            mix(from.2, to.2, way),
        );
        let (paint, _) = tint(slot.state);
        card(stage, canvas, at, slot.number, if role.alive { paint } else { RED }, alpha, 1.0);
    }
}
