//! The stage: everything around the three panels (header, supervisor, audio lane, captions, end card), and the order of drawing.

use crate::{
    film::{self, FPS, FRAMES, LAST, Light, chapter_at},
    marks, panels,
    raster::{Canvas, Paint, Shape, disc, ease, hex, line, rounded},
    sound,
    story::{self, DECODER_CRASH, Moment, RENDERER_CRASH},
    text::{Align, Faces},
};

/// The film's palette: each role has a colour, which its words and its posts have, too; the supervisor is white.
pub(crate) mod colour {
    use crate::raster::{Paint, hex};
    pub(crate) const NIGHT: Paint = hex(0x0b_0e15);
    pub(crate) const PANEL: Paint = hex(0x12_1722);
    pub(crate) const WELL: Paint = hex(0x0c_1018);
    pub(crate) const EDGE: Paint = hex(0x26_2f40);
    pub(crate) const TEXT: Paint = hex(0xe9_eef7);
    pub(crate) const DIM: Paint = hex(0x8d_99ae);
    pub(crate) const FAINT: Paint = hex(0x55_6178);
    pub(crate) const AMBER: Paint = hex(0xf7_b955);
    pub(crate) const TEAL: Paint = hex(0x4f_d8c4);
    pub(crate) const VIOLET: Paint = hex(0x9a_a5ff);
    pub(crate) const RED: Paint = hex(0xff_5d6c);
}
use colour::{AMBER, DIM, EDGE, FAINT, NIGHT, PANEL, RED, TEAL, TEXT, VIOLET, WELL};

/// Left and right margin of everything.
pub(crate) const MARGIN: f32 = 48.0;
/// Where the supervisor's line runs.
const WIRE_Y: f32 = 114.0;

/// Sizes of a caption's two lines: the large one can be read in a terminal of 200 columns.
const TITLE: f32 = 40.0;
const LINE: f32 = 22.0;

/// The story, the faces and what need not be drawn again for each frame.
pub(crate) struct Stage {
    pub(crate) faces: Faces,
    pub(crate) story: Vec<Moment>,
    envelope: Vec<f32>,
    empty: Canvas,
}

impl Stage {
    /// Tells the story, plays the sound and lights the stage, once.
    pub(crate) fn build() -> Result<Stage, ab_glyph::InvalidFont> {
        let (width, height) = film::SIZE;
        let mut empty = Canvas::new(width, height, NIGHT);
        empty.shade([0.0, 0.0, 1280.0, 720.0], |x, y| {
            let far = ((x - 640.0) / 900.0).hypot((y - 300.0) / 460.0);
            hex(0x17_1d2c).fade(0.7 * (1.0 - far).max(0.0))
        });
        Ok(Stage { faces: Faces::load()?, story: story::tell(), envelope: sound::envelope(), empty })
    }

    /// One frame of the film.
    pub(crate) fn draw(&self, frame: u32) -> Canvas {
        let mut canvas = self.empty.clone();
        let moment = &self.story[frame as usize];
        self.supervisor(&mut canvas, frame);
        panels::draw(self, &mut canvas, frame, moment);
        self.recovery(&mut canvas, frame);
        self.audio(&mut canvas, frame);
        self.captions(&mut canvas, frame);
        self.end_card(&mut canvas, frame);
        self.header(&mut canvas, frame);
        self.progress(&mut canvas, frame);
        marks::draw(&mut canvas, frame);
        canvas
    }

    /// The word mark on the left; time, frame number and flash on the right.
    fn header(&self, canvas: &mut Canvas, frame: u32) {
        let Faces { title, mono, .. } = &self.faces;
        for (i, paint) in [AMBER, TEAL, VIOLET].into_iter().enumerate() {
            let i = i as f32;
            canvas.fill(rounded(MARGIN + i * 13.0, 46.0 - 4.0 * i, 9.0, 26.0 + 4.0 * i, 3.0), paint);
        }
        title.draw(canvas, 36.0, (98.0, 71.0), Align::Left, TEXT, "tricine");
        let (second, part) = (frame / FPS, frame % FPS * 100 / FPS);
        let time = format!("{:02}:{:02}.{part:02}", second / 60, second % 60);
        for (x, label, number) in [(1012.0, "TIME", time), (1156.0, "FRAME", format!("{frame:04}"))] {
            mono.draw(canvas, 12.0, (x, 42.0), Align::Right, DIM, label);
            mono.draw(canvas, 38.0, (x, 77.0), Align::Right, TEXT, &number);
        }
    }

    /// The supervisor, its lines to the roles, and the pulses that run on them around a crash.
    fn supervisor(&self, canvas: &mut Canvas, frame: u32) {
        let wires = [
            vec![(200.0, 146.0), (200.0, WIRE_Y), (640.0, WIRE_Y)],
            vec![(1080.0, 146.0), (1080.0, WIRE_Y), (640.0, WIRE_Y)],
        ];
        for pair in wires.iter().flat_map(|wire| wire.windows(2)) {
            canvas.fill(line(pair[0].0, pair[0].1, pair[1].0, pair[1].1, 1.5), EDGE);
        }
        // A role starts, dies, and its successor starts: wire, colour, first frame and last, upwards.
        let starts = [(0, TEXT, 0, 16, false), (1, TEXT, 0, 16, false)];
        let crashes =
            [(DECODER_CRASH, 0), (RENDERER_CRASH, 1)].into_iter().flat_map(|([killed, recovered, started], wire)| {
                let noticed = killed + (recovered - killed) / 2;
                [(wire, RED, killed + 2, noticed, true), (wire, TEXT, recovered, started, false)]
            });
        for (wire, paint, from, to, up) in starts.into_iter().chain(crashes) {
            let way = ease(from as f32, to as f32, frame as f32);
            if (from..to).contains(&frame) {
                pulse(canvas, along(&wires[wire], if up { way } else { 1.0 - way }), paint);
            }
        }
        let pill = rounded(523.0, 99.0, 234.0, 30.0, 15.0);
        canvas.fill(pill, PANEL);
        canvas.stroke(pill, 1.5, EDGE);
        canvas.fill(disc(543.0, WIRE_Y, 4.5), TEXT);
        self.faces.body.draw(canvas, 15.0, (558.0, 119.5), Align::Left, TEXT, "supervisor");
        self.faces.mono.draw(canvas, 13.0, (741.0, 119.0), Align::Right, DIM, "pid 4100");
    }

    /// Recovery: the supervisor's two posts run from it to the two semaphores.
    fn recovery(&self, canvas: &mut Canvas, frame: u32) {
        for [killed, recovered, _] in [DECODER_CRASH, RENDERER_CRASH] {
            let from = killed + (recovered - killed) / 2;
            let seen = ease(from as f32 - 6.0, from as f32, frame as f32)
                * ease(recovered as f32 + 16.0, recovered as f32, frame as f32);
            if seen <= 0.0 {
                continue;
            }
            for side in [-1.0, 1.0] {
                let x = |off: f32| 640.0 + side * off;
                let wire = [(640.0, 129.0), (640.0, 191.0), (x(228.0), 191.0), (x(228.0), 422.0), (x(214.0), 422.0)];
                for pair in wire.windows(2) {
                    canvas.fill(line(pair[0].0, pair[0].1, pair[1].0, pair[1].1, 1.5), TEXT.fade(0.35 * seen));
                }
                if frame <= recovered {
                    pulse(canvas, along(&wire, ease(from as f32, recovered as f32, frame as f32)), TEXT);
                }
            }
        }
    }

    /// The audio role: the sound itself runs past a play head, each beep a tall bar.
    fn audio(&self, canvas: &mut Canvas, frame: u32) {
        let panel = rounded(MARGIN, 484.0, 1184.0, 76.0, 14.0);
        let lit = self.lit(frame, Light::Roles, 1);
        canvas.glow(panel, 26.0, TEAL.fade(0.16 * lit));
        canvas.fill(panel, PANEL);
        canvas.stroke(panel, 1.5, EDGE.mix(TEAL, 0.7 * lit));
        canvas.fill(disc(72.0, 514.0, 5.0), TEAL);
        self.faces.title.draw(canvas, 20.0, (88.0, 521.0), Align::Left, TEXT, "audio");
        self.faces.mono.draw(canvas, 13.0, (88.0, 543.0), Align::Left, DIM, "pid 4102");
        let (left, right, head, middle) = (188.0, 1212.0, 700.0, 522.0);
        canvas.fill(rounded(left, 494.0, right - left, 56.0, 8.0), WELL);
        for (i, pair) in self.envelope.chunks(2).enumerate() {
            // Four pixels a frame; whole pixels, so that the codec can move them instead of drawing them anew.
            let x = head + 8.0 * i as f32 - 4.0 * frame as f32;
            let inside = ease(left, left + 60.0, x) * ease(right, right - 60.0, x);
            if inside <= 0.0 {
                continue;
            }
            let peak = pair.iter().fold(0.0_f32, |a, b| a.max(*b));
            let height = 48.0 * (1.0 + 20.0 * peak.max(1e-4).log10() / 54.0).clamp(0.06, 1.0);
            let paint = if x <= head { TEAL } else { FAINT };
            canvas.fill(rounded(x, middle - height / 2.0, 4.0, height, 2.0), paint.fade(inside * 0.9));
        }
        canvas.glow(line(head, 500.0, head, 544.0, 1.0), 12.0, hex(0xff_ffff).fade(0.25 + 0.6 * marks::flash(frame)));
        canvas.fill(line(head, 498.0, head, 546.0, 2.0), TEXT);
    }

    /// The story in words; a changed line fades in from a little below.
    fn captions(&self, canvas: &mut Canvas, frame: u32) {
        let now = chapter_at(frame);
        let titled = film::CHAPTERS.iter().find(|c| c.title == now.title).map_or(0, |c| c.from);
        let Faces { title, body, .. } = &self.faces;
        for (face, from, size, y, paint, words) in
            [(title, titled, TITLE, 619.0, TEXT, now.title), (body, now.from, LINE, 656.0, DIM, now.line)]
        {
            // The first frame is the film's poster: its caption is there at once.
            let shown = if from == 0 { 1.0 } else { ease(0.0, 14.0, (frame - from + 1) as f32) };
            face.draw(canvas, size, (MARGIN, y + 8.0 * (1.0 - shown)), Align::Left, paint.fade(shown), words);
        }
    }

    /// One bar a chapter, at the bottom right.
    fn progress(&self, canvas: &mut Canvas, frame: u32) {
        let starts = |number| film::CHAPTERS.iter().find(|c| c.number == number).map_or(FRAMES, |c| c.from) as f32;
        for number in 1..=LAST {
            let bar = |w| rounded(968.0 + 38.0 * (number - 1) as f32, 694.0, w, 4.0, 2.0);
            canvas.fill(bar(32.0), EDGE);
            let share = ((frame as f32 + 1.0 - starts(number)) / (starts(number + 1) - starts(number))).clamp(0.0, 1.0);
            if share > 0.0 {
                canvas.fill(bar(32.0 * share), DIM);
            }
        }
        self.faces.mono.draw(canvas, 12.0, (948.0, 700.0), Align::Right, FAINT, "slow motion: one frame per second");
    }

    /// The end: the stage dims, the name stays.
    fn end_card(&self, canvas: &mut Canvas, frame: u32) {
        let from = film::CHAPTERS[film::CHAPTERS.len() - 1].from as f32;
        let (dim, name) = (ease(from, from + 30.0, frame as f32), ease(from + 14.0, from + 44.0, frame as f32));
        if dim <= 0.0 {
            return;
        }
        canvas.fill(rounded(0.0, 0.0, 1280.0, 720.0, 0.0), NIGHT.fade(dim));
        let Faces { title, body, mono } = &self.faces;
        let lift = 14.0 * (1.0 - name);
        for (i, paint) in [AMBER, TEAL, VIOLET].into_iter().enumerate() {
            let i = i as f32;
            let up = ease(from + 16.0 + 5.0 * i, from + 40.0 + 5.0 * i, frame as f32);
            let height = (64.0 + 10.0 * i) * up.max(0.02);
            canvas.fill(rounded(441.0 + i * 32.0, 304.0 - height, 22.0, height, 7.0), paint.fade(up));
        }
        title.draw(canvas, 104.0, (552.0, 304.0 + lift), Align::Left, TEXT.fade(name), "tricine");
        body.draw(canvas, 24.0, (640.0, 362.0 + lift), Align::Centre, DIM.fade(name), "three processes, one film");

        // The invitation: a command that types itself.
        let asked = ease(from + 34.0, from + 52.0, frame as f32);
        let shell = rounded(448.0, 412.0, 384.0, 60.0, 12.0);
        canvas.glow(shell, 30.0, TEAL.fade(0.18 * asked));
        canvas.fill(shell, WELL.fade(asked));
        canvas.stroke(shell, 1.5, EDGE.mix(TEAL, 0.6).fade(asked));
        let command = "tricine lab";
        let typed = (((frame as f32 - from - 52.0) / 2.5).max(0.0) as usize).min(command.len());
        mono.draw(canvas, 26.0, (474.0, 451.0), Align::Left, TEAL.fade(asked), "$");
        mono.draw(canvas, 26.0, (506.0, 451.0), Align::Left, TEXT.fade(asked), &command[..typed]);
        if frame % FPS < FPS / 2 {
            let x = 508.0 + mono.width(26.0, &command[..typed]);
            canvas.fill(rounded(x, 429.0, 13.0, 27.0, 2.0), DIM.fade(asked));
        }
        let line = "now kill them yourself: lessons with real processes";
        body.draw(canvas, 20.0, (640.0, 512.0), Align::Centre, TEXT.fade(asked), line);

        let keys = ease(from + 76.0, from + 92.0, frame as f32);
        let (before, after) = (body.width(16.0, "press"), body.width(16.0, "for keys"));
        let left = 640.0 - (before + 48.0 + after) / 2.0;
        let key = rounded(left + before + 10.0, 579.0, 28.0, 28.0, 7.0);
        canvas.fill(key, PANEL.fade(keys));
        canvas.stroke(key, 1.5, FAINT.fade(keys));
        mono.draw(canvas, 16.0, (left + before + 24.0, 599.0), Align::Centre, TEXT.fade(keys), "?");
        body.draw(canvas, 16.0, (left, 599.0), Align::Left, DIM.fade(keys), "press");
        body.draw(canvas, 16.0, (left + before + 48.0, 599.0), Align::Left, DIM.fade(keys), "for keys");
    }

    /// How bright a panel's edge is: its chapter lights it, and the first chapter lights one role after the other.
    pub(crate) fn lit(&self, frame: u32, own: Light, turn: u32) -> f32 {
        let (now, from) = (frame as f32, 45.0 * turn as f32);
        let intro = ease(from, from + 12.0, now) * ease(from + 57.0, from + 40.0, now);
        if own != Light::Roles && chapter_at(frame).light == own { 1.0 } else { intro }
    }

    /// A panel's box, title, lamp and process id; `lit` from 0 to 1 lights its edge.
    pub(crate) fn panel(&self, canvas: &mut Canvas, (x, w): (f32, f32), name: &str, lamp: Paint, note: &str, lit: f32) {
        let shape: Shape = rounded(x, 146.0, w, 320.0, 14.0);
        canvas.glow(shape, 26.0, lamp.fade(0.16 * lit));
        canvas.fill(shape, PANEL);
        canvas.stroke(shape, 1.5, EDGE.mix(lamp, 0.7 * lit));
        canvas.glow(disc(x + 24.0, 174.0, 4.0), 10.0, lamp.fade(0.35));
        canvas.fill(disc(x + 24.0, 174.0, 5.0), lamp);
        self.faces.title.draw(canvas, 20.0, (x + 40.0, 181.0), Align::Left, TEXT, name);
        self.faces.mono.draw(canvas, 13.0, (x + w - 20.0, 180.0), Align::Right, DIM, note);
    }
}

/// A point of light on a wire.
fn pulse(canvas: &mut Canvas, (x, y): (f32, f32), paint: Paint) {
    canvas.glow(disc(x, y, 2.0), 16.0, paint.fade(0.7));
    canvas.fill(disc(x, y, 4.0), paint);
}

/// The point at a share (0 to 1) of a line through `points`.
fn along(points: &[(f32, f32)], share: f32) -> (f32, f32) {
    let length = |pair: &[(f32, f32)]| (pair[1].0 - pair[0].0).hypot(pair[1].1 - pair[0].1);
    let mut left = share * points.windows(2).map(length).sum::<f32>();
    for pair in points.windows(2) {
        let long = length(pair);
        if left <= long && long > 0.0 {
            let t = left / long;
            return (pair[0].0 + (pair[1].0 - pair[0].0) * t, pair[0].1 + (pair[1].1 - pair[0].1) * t);
        }
        left -= long;
    }
    points[points.len() - 1]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pulse_goes_from_one_end_of_its_wire_to_the_other() {
        let wire = [(0.0, 0.0), (0.0, 10.0), (30.0, 10.0)];
        assert_eq!(
            [0.0, 0.25, 0.5, 1.0].map(|t| along(&wire, t)),
            [(0.0, 0.0), (0.0, 10.0), (10.0, 10.0), (30.0, 10.0)]
        );
    }

    #[test]
    fn every_frame_of_the_film_can_be_drawn_and_captions_fit_their_line() {
        let stage = Stage::build().unwrap();
        for frame in (0..FRAMES).step_by(97) {
            stage.draw(frame);
        }
        for chapter in &film::CHAPTERS {
            assert!(stage.faces.title.width(TITLE, chapter.title) <= 1184.0, "{}", chapter.title);
            assert!(stage.faces.body.width(LINE, chapter.line) <= 1184.0, "{}", chapter.line);
        }
    }
}
