//! Draws the overlay over a picture: panels, bars and text, in a size that follows the window's.

mod brush;
mod text;

use crate::canvas::Canvas;
use crate::look;
use crate::osd::{Bar, KEYS, Overlay, Pipeline, clock_text};
use brush::{Color, Shape, fill};
use text::Typesetter;

const WHITE: Color = Color::new(look::WHITE, 255);
const SOFT: Color = Color::new(look::SOFT, 255);
const ACCENT: Color = Color::new(look::ACCENT, 255);
const PANEL: Color = Color::new(look::PANEL, 222);
/// A panel's edge: seen on a dark picture, where the panel itself is not.
const EDGE: Color = Color::new(0xffffff, 30);
const TRACK: Color = Color::new(0xffffff, 60);

/// Draws overlays; keeps the letters that it has drawn before.
#[derive(Debug, Default)]
pub(crate) struct Painter {
    text: Typesetter,
}

/// Lengths that follow the window: at 720 lines a unit is a pixel.
#[derive(Debug, Clone, Copy)]
struct Scale {
    unit: f32,
    width: f32,
    height: f32,
}

impl Scale {
    fn of(canvas: &Canvas) -> Self {
        let (width, height) = (canvas.width as f32, canvas.height as f32);
        // As small as can be read, as large as a screen is; narrow windows count as low ones.
        let unit = (height.min(width * 9.0 / 16.0) / 720.0).clamp(0.42, 6.0);
        Self { unit, width, height }
    }

    fn px(&self, units: f32) -> f32 {
        (units * self.unit).round().max(1.0)
    }

    /// The size of ordinary text: small windows get relatively larger letters.
    fn text(&self) -> f32 {
        (24.0 * self.unit).max(12.0)
    }

    fn margin(&self) -> f32 {
        self.px(28.0).max(6.0)
    }
}

impl Painter {
    /// Draws all of `overlay`.
    pub(crate) fn draw(&mut self, canvas: &mut Canvas, overlay: &Overlay) {
        if let Some(subtitles) = &overlay.subtitles {
            let width = canvas.width;
            subtitles.lay(&mut canvas.pixels, width);
        }
        let s = Scale::of(canvas);
        let mut top = s.margin();
        if let Some(message) = &overlay.message {
            top += self.message(canvas, s, message, top) + s.px(10.0);
        }
        if let Some(pipeline) = &overlay.pipeline {
            self.pipeline(canvas, s, pipeline, top);
        }
        if let Some((volume, muted)) = overlay.volume {
            self.volume(canvas, s, volume, muted);
        }
        if let Some(bar) = &overlay.bar {
            self.bar(canvas, s, bar);
        }
        if !overlay.caption.is_empty() {
            // Above the bar, whether it is there or not: so nothing jumps.
            let line = s.text() * 1.3;
            let bar = line + s.px(16.0).max(5.0) + s.px(10.0);
            self.message(canvas, s, &overlay.caption, s.height - s.margin() - bar - line - s.px(14.0));
        }
        if overlay.help {
            self.help(canvas, s);
        }
    }

    fn panel(&self, canvas: &mut Canvas, s: Scale, shape: Shape) {
        let radius = s.px(10.0);
        fill(canvas, shape.rounded(radius), EDGE);
        let inner = Shape::new(shape.x + 1.0, shape.y + 1.0, shape.width - 2.0, shape.height - 2.0);
        fill(canvas, inner.rounded(radius - 1.0), PANEL);
    }

    fn message(&mut self, canvas: &mut Canvas, s: Scale, message: &str, top: f32) -> f32 {
        let (size, pad) = (s.text(), s.px(14.0));
        let room = s.width - 2.0 * s.margin() - 2.0 * pad;
        let words = self.text.shorten(message, size, room);
        let width = self.text.width(&words, size) + 2.0 * pad;
        let height = size * 1.3 + pad;
        self.panel(canvas, s, Shape::new(s.margin(), top, width, height));
        self.text.draw(canvas, s.margin() + pad, top + (height + size * 0.72) / 2.0, size, &words, WHITE);
        height
    }

    fn volume(&mut self, canvas: &mut Canvas, s: Scale, volume: u8, muted: bool) {
        let (size, pad) = (s.text(), s.px(14.0));
        let label = if muted { "muted" } else { "volume" };
        let figure = self.text.width("100", size);
        let label_width = self.text.width(label, size);
        let track = s.px(180.0).min((s.width * 0.3).max(20.0));
        let width = pad * 4.0 + label_width + track + figure;
        let height = size * 1.3 + pad;
        let (x, y) = (s.width - s.margin() - width, s.margin());
        self.panel(canvas, s, Shape::new(x, y, width, height));
        let base = y + (height + size * 0.72) / 2.0;
        self.text.draw(canvas, x + pad, base, size, label, SOFT);
        let (bar_x, bar_h) = (x + pad * 2.0 + label_width, s.px(8.0).max(3.0));
        let line = Shape::new(bar_x, y + (height - bar_h) / 2.0, track, bar_h).rounded(bar_h / 2.0);
        fill(canvas, line, TRACK);
        let filled = track * f32::from(volume) / 100.0;
        if filled >= 1.0 {
            fill(canvas, Shape { width: filled, ..line }, if muted { SOFT } else { ACCENT });
        }
        let figure_text = volume.to_string();
        let right = x + width - pad - self.text.width(&figure_text, size);
        self.text.draw(canvas, right, base, size, &figure_text, WHITE);
    }

    fn bar(&mut self, canvas: &mut Canvas, s: Scale, bar: &Bar) {
        let (size, pad) = (s.text(), s.px(16.0).max(5.0));
        let height = size * 1.3 + pad;
        let (x, y) = (s.margin(), s.height - s.margin() - height);
        let width = s.width - 2.0 * s.margin();
        self.panel(canvas, s, Shape::new(x, y, width, height));
        let middle = y + height / 2.0;
        let base = middle + size * 0.36;
        let icon = size * 0.72;
        if bar.paused {
            let leg = icon * 0.32;
            for at in [0.0, icon - leg] {
                fill(canvas, Shape::new(x + pad + at, middle - icon / 2.0, leg, icon).rounded(leg * 0.2), WHITE);
            }
        } else {
            brush::triangle(canvas, (x + pad, middle - icon / 2.0), icon, ACCENT);
        }
        let mut left = x + pad * 1.8 + icon;
        let now = clock_text(bar.position_s);
        // As wide as the longest time of this film, so that nothing moves while it plays.
        let widest = bar.duration_s.map_or_else(|| now.clone(), clock_text);
        let time_width = self.text.width(&widest, size).max(self.text.width(&now, size));
        self.text.draw(canvas, left, base, size, &now, WHITE);
        left += time_width + pad;
        let mut right = x + width - pad;
        let tags: Vec<String> = [
            (bar.speed != 1.0).then(|| format!("{}\u{d7}", (bar.speed * 100.0).round() / 100.0)),
            bar.muted.then(|| "muted".into()),
            bar.looping.then(|| "loop".into()),
        ]
        .into_iter()
        .flatten()
        .collect();
        if let Some(duration_s) = bar.duration_s {
            let total = clock_text(duration_s);
            right -= self.text.width(&total, size);
            self.text.draw(canvas, right, base, size, &total, SOFT);
            right -= pad;
        }
        for tag in tags.iter().rev() {
            let width = self.text.width(tag, size);
            if right - width < left + s.px(60.0) {
                break;
            }
            right -= width;
            self.text.draw(canvas, right, base, size, tag, ACCENT);
            right -= pad;
        }
        let track = right - left;
        if let Some(permille) = bar.permille.filter(|_| track > s.px(40.0)) {
            let thick = s.px(8.0).max(3.0);
            let line = Shape::new(left, middle - thick / 2.0, track, thick).rounded(thick / 2.0);
            fill(canvas, line, TRACK);
            let filled = (track * f32::from(permille) / 1000.0).max(thick);
            fill(canvas, Shape { width: filled, ..line }, ACCENT);
            for mark in &bar.marks {
                let at = left + track * f32::from(*mark) / 1000.0;
                let (width, height) = (s.px(2.0), thick * 2.0);
                fill(canvas, Shape::new(at - width / 2.0, middle - height / 2.0, width, height), WHITE);
            }
            let knob = thick * 2.0;
            let at = left + (filled - thick / 2.0).max(0.0) - knob / 2.0;
            fill(canvas, Shape::new(at, middle - knob / 2.0, knob, knob).rounded(knob / 2.0), WHITE);
        }
    }

    fn pipeline(&mut self, canvas: &mut Canvas, s: Scale, pipeline: &Pipeline, top: f32) {
        let size = s.text() * 0.82;
        let (pad, line) = (s.px(14.0).max(4.0), size * 1.35);
        let names = pipeline.figures.iter().map(|(name, _)| self.text.width(name, size)).fold(0.0, f32::max);
        let values = pipeline.figures.iter().map(|(_, value)| self.text.width(value, size)).fold(0.0, f32::max);
        let column = names + pad + values.max(size * 4.0);
        // Two columns where one does not fit between the message and the time.
        let room = s.height - top - s.margin() * 2.0 - s.text() * 2.0;
        let rows = pipeline.figures.len();
        let columns = if room < line * (rows as f32 + 2.2) { 2 } else { 1 };
        let rows = rows.div_ceil(columns);
        let width = (column * columns as f32 + pad * (columns as f32 + 1.0)).max(size * 13.0);
        let height = pad * 2.0 + line * rows as f32 + line * 1.7;
        self.panel(canvas, s, Shape::new(s.margin(), top, width, height));
        let left = s.margin() + pad;
        let box_width = (width - pad * 2.0 - pad) / 3.0;
        for (i, state) in pipeline.slots.iter().enumerate() {
            let (label, color) = look::slot(*state);
            let color = Color::new(color, 235);
            let x = left + i as f32 * (box_width + pad / 2.0);
            fill(canvas, Shape::new(x, top + pad, box_width, line * 1.25).rounded(s.px(6.0)), color);
            let text_x = x + (box_width - self.text.width(label, size * 0.9)) / 2.0;
            self.text.draw(canvas, text_x, top + pad + line * 0.625 + size * 0.32, size * 0.9, label, WHITE);
        }
        for (i, (name, value)) in pipeline.figures.iter().enumerate() {
            let (row, col) = (i % rows.max(1), i / rows.max(1));
            let x = left + col as f32 * (column + pad);
            let base = top + pad + line * (row as f32 + 1.7) + size;
            self.text.draw(canvas, x, base, size, name, SOFT);
            self.text.draw(canvas, x + names + pad, base, size, value, WHITE);
        }
    }

    fn help(&mut self, canvas: &mut Canvas, s: Scale) {
        let rows = KEYS.len().div_ceil(2);
        // As large as the window allows, two columns beside each other.
        let mut size = s.text();
        let (mut keys, mut words);
        loop {
            keys = KEYS.iter().map(|(key, _)| self.text.width(key, size)).fold(0.0, f32::max);
            words = KEYS.iter().map(|(_, word)| self.text.width(word, size)).fold(0.0, f32::max);
            let fits = 2.0 * (keys + words) + size * 5.2 < s.width && size * (1.55 * rows as f32 + 2.0) < s.height;
            if fits || size <= 7.0 {
                break;
            }
            size *= 0.92;
        }
        let (gap, pad, line) = (size * 0.9, size * 1.1, size * 1.55);
        let column = keys + gap + words;
        let (width, height) = (2.0 * column + 3.0 * pad, line * rows as f32 + pad * 1.6);
        let (x, y) = ((s.width - width) / 2.0, (s.height - height) / 2.0);
        self.panel(canvas, s, Shape::new(x, y, width, height));
        for (i, (key, word)) in KEYS.iter().enumerate() {
            let left = x + pad + (i / rows) as f32 * (column + pad);
            let base = y + pad * 0.8 + line * ((i % rows) as f32 + 0.5) + size * 0.36;
            self.text.draw(canvas, left, base, size, key, ACCENT);
            self.text.draw(canvas, left + keys + gap, base, size, word, WHITE);
        }
    }
}

#[cfg(test)]
mod tests;
