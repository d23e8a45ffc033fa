//! The decoder's and the renderer's panel, their deaths, and what travels between the panels, drawn from one [`Moment`].

use crate::{
    channel::{self, BLOCKS, berth, block_at, blocks},
    film::{FPS, Light},
    raster::{Canvas, Paint, ease, hex, mix, rounded},
    scene::dusk,
    stage::{
        Stage,
        colour::{AMBER, DIM, EDGE, FAINT, NIGHT, RED, TEXT, VIOLET, WELL},
    },
    story::{DECODE, FLIGHT, Moment, Role, slot_of},
    text::{Align, Faces},
};

/// Left edge and width of the panels.
const DECODER: (f32, f32) = (48.0, 304.0);
const RENDERER: (f32, f32) = (928.0, 304.0);
/// A picture's middle and width (it is 16:9): in the decoder, and on the renderer's screen.
const BAY: (f32, f32, f32) = (200.0, 318.0, 192.0);
const SCREEN: (f32, f32, f32) = (1080.0, 278.5, 264.0);

/// Draws all three panels, then what flies above them.
pub(crate) fn draw(stage: &Stage, canvas: &mut Canvas, frame: u32, moment: &Moment) {
    for (at, name, paint, light, turn, role) in [
        (DECODER, "decoder", AMBER, Light::Decoder, 0, &moment.decoder),
        (RENDERER, "renderer", VIOLET, Light::Renderer, 2, &moment.renderer),
    ] {
        let lit = stage.lit(frame, light, turn) * f32::from(u8::from(role.alive));
        stage.panel(canvas, at, name, if role.alive { paint } else { RED }, &format!("pid {}", role.pid), lit);
    }
    decoder(stage, canvas, frame, moment);
    renderer(stage, canvas, frame, moment);
    channel::draw(stage, canvas, frame, moment);
    for (x, role) in [(DECODER.0, &moment.decoder), (RENDERER.0, &moment.renderer)] {
        death(stage, canvas, frame, x, role);
    }
    stream(canvas, frame, moment);
    flight(stage, canvas, frame, moment);
}

/// A travelling frame: its picture, its number, an edge and a glow.
fn card(stage: &Stage, canvas: &mut Canvas, (x, y, w): (f32, f32, f32), number: u32, tint: Paint, alpha: f32) {
    let h = w * 9.0 / 16.0;
    let shape = rounded(x - w / 2.0, y - h / 2.0, w, h, 7.0);
    canvas.glow(shape, 22.0, tint.fade(0.5 * alpha));
    canvas.picture(shape, alpha, |u, v| dusk(u, v, number as f32, 1.0 / h));
    canvas.stroke(shape, 1.5, tint.fade(alpha));
    badge(stage, canvas, (x + w / 2.0 - 6.0, y + h / 2.0 - 6.0), number, alpha);
}

/// A frame's number on a dark plate, at the bottom right corner given.
pub(crate) fn badge(stage: &Stage, canvas: &mut Canvas, (right, bottom): (f32, f32), number: u32, alpha: f32) {
    let text = number.to_string();
    let w = stage.faces.mono.width(14.0, &text) + 12.0;
    canvas.fill(rounded(right - w, bottom - 20.0, w, 20.0, 5.0), NIGHT.fade(0.78 * alpha));
    stage.faces.mono.draw(canvas, 14.0, (right - 6.0, bottom - 5.0), Align::Right, TEXT.fade(alpha), &text);
}

/// Packets run in; a picture is put together block by block, waits for a free slot, and leaves block by block.
fn decoder(stage: &Stage, canvas: &mut Canvas, frame: u32, moment: &Moment) {
    let (x, y, w) = BAY;
    let h = w * 9.0 / 16.0;
    let role = &moment.decoder;
    let well = rounded(68.0, 204.0, 264.0, 38.0, 8.0);
    canvas.fill(well, WELL);
    for i in 0..14 {
        // A packet's length from its index; they move two pixels a frame and wrap around out of sight.
        let place = (i as f32 * 22.0 + if role.alive { frame as f32 * 2.0 } else { 0.0 }) % 308.0 - 22.0;
        let long = 8.0 + (i * 37 % 11) as f32;
        let at = 68.0 + place;
        let inside = ease(72.0, 104.0, at) * ease(326.0, 296.0, at + long);
        let paint = if i * 7 % 5 == 0 { AMBER } else { FAINT };
        canvas.fill(rounded(at, 216.0 + (i % 2) as f32 * 9.0, long, 5.0, 2.5), paint.fade(inside));
    }
    let shape = rounded(x - w / 2.0, y - h / 2.0, w, h, 7.0);
    canvas.fill(shape, WELL);
    canvas.stroke(shape, 1.5, EDGE);
    let number = role.number;
    let working = moment.filling.filter(|work| work.stopped.is_none());
    // Before the first block leaves, the picture is decoded; it needs a moment longer than it is waited for.
    let done = if role.alive { ease(0.0, DECODE as f32 + 4.0, (frame - role.rested) as f32) } else { 0.0 };
    let left = working.map_or(0, |work| blocks(work.age(frame)).0);
    canvas.picture(shape, 1.0, |u, v| {
        let (column, row) = ((u * BLOCKS.0 as f32) as usize, (v * BLOCKS.1 as f32) as usize);
        let block = row * BLOCKS.0 + column;
        let order = block as f32 / 144.0 * 0.8 + (column * 7 + row * 13) as f32 % 5.0 * 0.04;
        let fresh = if block < left { 0.0 } else { ((done - order) * 8.0).clamp(0.0, 1.0) };
        let well = WELL.rgb;
        let picture = dusk(u, v, number as f32, 1.0 / h);
        std::array::from_fn(|i| mix(well[i], picture[i], fresh))
    });
    if done >= 1.0 && left == 0 {
        badge(stage, canvas, (x + w / 2.0 - 6.0, y + h / 2.0 - 6.0), number, 1.0);
    }
    let Faces { body, mono, .. } = &stage.faces;
    mono.draw(canvas, 15.0, (x, 406.0), Align::Centre, TEXT, &format!("frame {number}"));
    let does = match working {
        Some(_) => format!("fills slot {}", slot_of(number)),
        None if done < 1.0 => "decodes".into(),
        None => "sleeps until a slot is free".into(),
    };
    body.draw(canvas, 14.0, (x, 430.0), Align::Centre, DIM, &does);
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
    body.draw(canvas, 14.0, (948.0, 391.0), Align::Left, DIM, "shown, each once, in order");
    // `next` is the first number that was not yet presented.
    let next = moment.renderer.number + u32::from(moment.shown.is_some_and(|(n, _)| n == moment.renderer.number));
    let slide = match moment.shown {
        Some((number, since)) if number + 1 == next => 1.0 - ease(0.0, 12.0, (frame - since) as f32),
        _ => 0.0,
    };
    for place in 0..6 {
        let Some(number) = (next + place).checked_sub(6).filter(|number| *number > 0) else { continue };
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

/// A role's panel flickers and goes dark when it is killed, and comes back with its successor.
fn death(stage: &Stage, canvas: &mut Canvas, frame: u32, x: f32, role: &Role) {
    let age = (frame - role.since) as f32;
    let dark = match role.alive {
        true if role.since > 0 => ease(16.0, 0.0, age),
        true => return,
        false if age < 12.0 => [0.95, 0.30, 0.85, 0.15, 0.60, 0.90, 0.25, 0.75, 0.40, 0.95, 0.60, 0.90][age as usize],
        false => 1.0,
    };
    canvas.fill(rounded(x + 2.0, 192.0, 300.0, 272.0, 13.0), NIGHT.mix(RED, 0.14).fade(0.9 * dark));
    canvas.stroke(rounded(x, 146.0, 304.0, 320.0, 14.0), 2.5, RED.fade(0.9 * dark));
    if !role.alive && age >= 6.0 {
        let seen = ease(6.0, 14.0, age);
        let sign = rounded(x + 72.0, 284.0, 160.0, 46.0, 10.0);
        canvas.glow(sign, 30.0, RED.fade(0.22 * seen));
        canvas.stroke(sign, 2.0, RED.fade(seen));
        stage.faces.mono.draw(canvas, 26.0, (x + 152.0, 316.0), Align::Centre, RED.fade(seen), "SIGKILL");
        let line = format!("kill -9 {}", role.pid);
        stage.faces.mono.draw(canvas, 14.0, (x + 152.0, 356.0), Align::Centre, DIM.fade(seen), &line);
    }
}

/// The blocks in the air between the decoder and a slot. Those of a killed decoder fall and fade.
fn stream(canvas: &mut Canvas, frame: u32, moment: &Moment) {
    let Some(work) = moment.filling else { return };
    let fallen = work.stopped.map_or(0.0, |stopped| (frame - stopped) as f32);
    let alpha = ease(14.0, 0.0, fallen);
    if alpha <= 0.0 {
        return;
    }
    let to = berth(slot_of(work.number));
    let (left, arrived) = blocks(work.age(frame));
    for block in arrived..left {
        // The oldest in the air is nearly there.
        let way = (left - block) as f32 / (left - arrived).max(blocks(7).0) as f32;
        let (a, b) = (block_at(BAY, block), block_at(to, block));
        // Each block flies at a height of its own: a swarm, not a ribbon.
        let high = (block as f32 * 78.233).sin().abs() * 61.7 % 1.0;
        let rise = (4.0 + 44.0 * high) * (way * std::f32::consts::PI).sin();
        let (x, y, side) = (mix(a.0, b.0, way), mix(a.1, b.1, way) - rise + 0.6 * fallen * fallen, mix(a.2, b.2, way));
        let (u, v) = ((block % BLOCKS.0) as f32 + 0.5, (block / BLOCKS.0) as f32 + 0.5);
        let picture = dusk(u / BLOCKS.0 as f32, v / BLOCKS.1 as f32, work.number as f32, 0.1);
        let paint = Paint { rgb: picture, alpha: 1.0 }.mix(AMBER, 0.25);
        canvas.fill(rounded(x - side / 2.0, y - side / 2.0, side, side, 1.0), paint.fade(alpha));
    }
}

/// The frame on its way from its slot to the screen. A killed renderer's stops where it is and fades.
fn flight(stage: &Stage, canvas: &mut Canvas, frame: u32, moment: &Moment) {
    let Some(work) = moment.reading else { return };
    let alpha = work.stopped.map_or(1.0, |stopped| ease(16.0, 0.0, (frame - stopped) as f32));
    let age = work.age(frame);
    if age >= FLIGHT || alpha <= 0.0 {
        return;
    }
    let (from, to) = (berth(slot_of(work.number)), SCREEN);
    let way = ease(0.0, FLIGHT as f32, age as f32);
    let lift = 22.0 * (way * std::f32::consts::PI).sin();
    let at = (mix(from.0, to.0, way), mix(from.1, to.1, way) - lift, mix(from.2, to.2, way));
    card(stage, canvas, at, work.number, if work.stopped.is_some() { RED } else { VIOLET }, alpha);
}
