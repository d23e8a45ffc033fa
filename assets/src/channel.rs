//! The middle panel: three slots with their `seq`, `released` below them, and the two semaphores.
//!
//! A word has the colour of the role that writes it. What a slot is (free, ready …) is written nowhere: it follows from the words.

use crate::{
    film::{Light, chapter_at},
    panels::badge,
    raster::{Canvas, Paint, disc, ease, hex, line, mix, rounded},
    scene::dusk,
    stage::{
        Stage,
        colour::{AMBER, DIM, EDGE, FAINT, NIGHT, PANEL, RED, TEXT, VIOLET, WELL},
    },
    story::{Actor, Moment, RENDERER_CRASH, WRITE, Word, Work, slot_of},
    text::{Align, Faces},
};

/// Left edge and width of the panel.
const PANEL_AT: (f32, f32) = (400.0, 480.0);
/// Blocks of a picture, as it is decoded and written: columns and rows.
pub(crate) const BLOCKS: (usize, usize) = (16, 9);
/// Film frames that a block is in the air.
const BLOCK_FLIGHT: u32 = 7;

/// The middle and the width of the picture (it is 16:9) in a slot.
pub(crate) fn berth(slot: usize) -> (f32, f32, f32) {
    (490.0 + 150.0 * slot as f32, 259.0, 112.0)
}

/// Blocks that have left the decoder and blocks that have arrived in the slot, `age` film frames after the first one left.
pub(crate) fn blocks(age: u32) -> (usize, usize) {
    let all = BLOCKS.0 * BLOCKS.1;
    let count = |age: u32| (all * age as usize / (WRITE - BLOCK_FLIGHT) as usize).min(all);
    (count(age), count(age.saturating_sub(BLOCK_FLIGHT)))
}

/// The middle of a block in a picture at `place`, and its side.
pub(crate) fn block_at((x, y, w): (f32, f32, f32), block: usize) -> (f32, f32, f32) {
    let side = w / BLOCKS.0 as f32;
    let (column, row) = ((block % BLOCKS.0) as f32, (block / BLOCKS.0) as f32);
    (x - w / 2.0 + (column + 0.5) * side, y - w * 9.0 / 32.0 + (row + 0.5) * side, side)
}

/// Draws the whole panel.
pub(crate) fn draw(stage: &Stage, canvas: &mut Canvas, frame: u32, moment: &Moment) {
    let light = chapter_at(frame).light;
    let lit = matches!(light, Light::Slots | Light::Seq | Light::Released | Light::Bells);
    stage.panel(canvas, PANEL_AT, "slots", TEXT, "shared memory", f32::from(u8::from(lit)) * 0.6);
    for slot in 0..3 {
        draw_slot(stage, canvas, frame, slot, moment);
    }
    released(stage, canvas, frame, moment);
    bells(stage, canvas, frame, moment);
}

/// A slot: its name, what follows from the words, its payload, and the decoder's word about it.
fn draw_slot(stage: &Stage, canvas: &mut Canvas, frame: u32, slot: usize, moment: &Moment) {
    let (x, y, w) = berth(slot);
    let h = w * 9.0 / 16.0;
    let seq = moment.seq[slot];
    let here = |work: Option<Work>| work.filter(|work| slot_of(work.number) == slot);
    let (filling, reading) = (here(moment.filling), here(moment.reading));
    let due = seq.value > moment.released.value;
    let beat = 0.5 + 0.5 * (frame as f32 * 0.35).sin();
    let (what, paint) = match (filling, reading) {
        (Some(work), _) if work.stopped.is_some() => ("half-written", AMBER.mix(RED, 0.3 + 0.7 * beat)),
        (Some(_), _) => ("being filled", AMBER),
        (_, Some(work)) if work.stopped.is_some() => ("not released", VIOLET.mix(RED, 0.3 + 0.7 * beat)),
        (_, Some(_)) => ("being read", VIOLET),
        _ if due => ("ready", AMBER),
        _ => ("free", FAINT),
    };
    let changed = if due { seq.since } else { moment.released.since.max(seq.since) };
    let fresh = if changed == 0 { 0.0 } else { ease(16.0, 0.0, (frame - changed) as f32) };
    let shape = rounded(x - 66.0, 198.0, 132.0, 138.0, 12.0);
    let strong = if what == "free" { 0.3 } else { 0.9 };
    canvas.glow(shape, 20.0, paint.fade(if due { 0.45 * fresh } else { 0.0 }));
    canvas.fill(shape, WELL);
    canvas.stroke(shape, 1.5, EDGE.mix(paint, strong));
    stage.faces.mono.draw(canvas, 11.0, (x - 57.0, 217.0), Align::Left, DIM, &format!("slot {slot}"));
    let ink = if what == "free" { DIM } else { paint.mix(TEXT, 0.25) };
    stage.faces.body.draw(canvas, 11.5, (x + 57.0, 217.0), Align::Right, ink, what);

    // The bytes of a frame that is done with stay until others overwrite them.
    let well = rounded(x - w / 2.0, y - h / 2.0, w, h, 6.0);
    canvas.fill(well, NIGHT);
    let old = if due { 1.0 } else { mix(0.22, 1.0, ease(14.0, 0.0, (frame - moment.released.since) as f32)) };
    if seq.value > 0 {
        canvas.picture(well, old, |u, v| dusk(u, v, seq.value as f32, 1.0 / h));
    }
    if let Some(work) = filling {
        let (_, arrived) = blocks(work.age(frame));
        let (rows, rest) = (arrived / BLOCKS.0, arrived % BLOCKS.0);
        canvas.picture_where(well, |u, v| {
            let (column, row) = ((u * BLOCKS.0 as f32) as usize, (v * BLOCKS.1 as f32) as usize);
            let written = row < rows || row == rows && column < rest;
            written.then(|| dusk(u, v, work.number as f32, 1.0 / h))
        });
    }
    canvas.stroke(well, 1.0, EDGE.mix(paint, strong));
    if due {
        badge(stage, canvas, (x + w / 2.0 - 5.0, y + h / 2.0 - 5.0), seq.value, 1.0);
    }
    // A killed decoder's word is looked at: it has not changed.
    let kept = filling.is_some_and(|work| work.stopped.is_some());
    let marked = chapter_at(frame).light == Light::Seq || kept;
    word(stage, canvas, frame, seq, Pill { at: (x, 317.0, 112.0), name: "seq", paint: AMBER, strong: due, marked });
}

/// How a word is drawn.
struct Pill {
    /// Middle and width.
    at: (f32, f32, f32),
    name: &'static str,
    /// The colour of its writer.
    paint: Paint,
    strong: bool,
    /// Whether the eye is drawn to it.
    marked: bool,
}

/// A word in shared memory: its name and its value.
fn word(stage: &Stage, canvas: &mut Canvas, frame: u32, word: Word, look: Pill) {
    let Pill { at: (x, y, w), name, paint, strong, marked } = look;
    let fresh = if word.since == 0 { 0.0 } else { ease(18.0, 0.0, (frame - word.since) as f32) };
    let pill = rounded(x - w / 2.0, y - 13.0, w, 26.0, 8.0);
    canvas.glow(pill, 16.0, paint.fade(0.6 * fresh));
    canvas.fill(pill, PANEL.mix(paint, if strong { 0.22 } else { 0.10 } + 0.5 * fresh));
    let edge = if marked { paint.mix(TEXT, 0.5) } else { paint.fade(0.35) };
    canvas.stroke(pill, if marked { 2.0 } else { 1.0 }, edge);
    let text = format!("{name} {}", word.value);
    let ink = paint.mix(TEXT, 0.2 + 0.6 * fresh).fade(if strong { 1.0 } else { 0.7 });
    stage.faces.mono.draw(canvas, 15.0, (x, y + 5.0), Align::Centre, ink, &text);
}

/// The renderer's word, between the names of both writers.
fn released(stage: &Stage, canvas: &mut Canvas, frame: u32, moment: &Moment) {
    let y = 363.0;
    let kept = !moment.renderer.alive || (RENDERER_CRASH[0]..RENDERER_CRASH[2] + 30).contains(&frame);
    let marked = chapter_at(frame).light == Light::Released || kept;
    let look = Pill { at: (640.0, y, 140.0), name: "released", paint: VIOLET, strong: true, marked };
    word(stage, canvas, frame, moment.released, look);
    let body = &stage.faces.body;
    body.draw(canvas, 12.5, (424.0, y + 4.5), Align::Left, AMBER.fade(0.85), "decoder writes seq");
    body.draw(canvas, 12.5, (856.0, y + 4.5), Align::Right, VIOLET.fade(0.85), "renderer writes this");
}

/// The two semaphores: a post swings its bell and sends a pulse to the role that it wakes.
fn bells(stage: &Stage, canvas: &mut Canvas, frame: u32, moment: &Moment) {
    let lit = chapter_at(frame).light == Light::Bells;
    let ways = [("«empty»", "wakes the decoder", 444.0, -1.0), ("«filled»", "wakes the renderer", 836.0, 1.0)];
    for ((name, what, x, side), rung) in ways.into_iter().zip(moment.rings) {
        let y = 422.0;
        let age = rung.map_or(1e3, |ring| (frame - ring.at) as f32);
        let loud = (-age / 9.0).exp();
        let rings = match rung.map(|ring| ring.by) {
            Some(Actor::Decoder) => AMBER,
            Some(Actor::Renderer) => VIOLET,
            Some(Actor::Supervisor) | None => hex(0xff_ffff),
        };
        let paint = DIM.mix(rings, (loud * 1.6).min(1.0));
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
        body.draw(canvas, 13.0, (x - side * 30.0, y + 16.0), align, if lit { TEXT } else { DIM }, what);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_block_has_left_and_arrived_when_the_frame_is_published_and_none_before_it_begins() {
        assert_eq!((blocks(0), blocks(WRITE)), ((0, 0), (144, 144)));
        assert!(blocks(BLOCK_FLIGHT).0 > 0 && blocks(BLOCK_FLIGHT).1 == 0);
    }

    #[test]
    fn the_first_and_the_last_block_lie_in_opposite_corners() {
        let place = (80.0, 45.0, 160.0);
        assert_eq!([block_at(place, 0), block_at(place, 143)], [(5.0, 5.0, 10.0), (155.0, 85.0, 10.0)]);
    }
}
