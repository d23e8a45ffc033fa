//! The mouse over a window: two quick clicks, and a pointer that hides while it rests. Times are given, so that it does not matter when
//! somebody looks.

const MS: u64 = 1_000_000;
/// Two presses within this time are a double click.
const DOUBLE_CLICK_MS: u32 = 400;
/// A pointer that rests so long disappears.
const RESTS_NS: u64 = 2000 * MS;

/// The mouse, between two looks.
#[derive(Debug)]
pub(super) struct Mouse {
    /// The last press that may be the first of two, in ms of some clock that may wrap.
    pressed_ms: Option<u32>,
    at: Option<(f32, f32)>,
    moved_ns: u64,
    hidden: bool,
}

impl Mouse {
    /// From `now_ns` on. One that a predecessor has hidden stays so until it moves.
    pub(super) fn new(hidden: bool, now_ns: u64) -> Self {
        Self { pressed_ms: None, at: None, moved_ns: if hidden { 0 } else { now_ns }, hidden }
    }

    /// The left button was pressed. Whether that was a double click.
    pub(super) fn press(&mut self, at_ms: u32) -> bool {
        let double = self.pressed_ms.is_some_and(|first| at_ms.wrapping_sub(first) < DOUBLE_CLICK_MS);
        self.pressed_ms = (!double).then_some(at_ms);
        double
    }

    /// Where it is now, and whether a button was pressed. Whether the pointer is to be hidden from now on, if that has changed.
    pub(super) fn look(&mut self, at: Option<(f32, f32)>, pressed: bool, now_ns: u64) -> Option<bool> {
        // Where it is at the first look, it may have been for long.
        let moved = self.at.is_some() && at != self.at;
        self.at = at;
        if moved || pressed {
            self.moved_ns = now_ns;
        }
        let hide = now_ns.saturating_sub(self.moved_ns) > RESTS_NS;
        (std::mem::replace(&mut self.hidden, hide) != hide).then_some(hide)
    }

    /// Whether the pointer is hidden.
    pub(super) fn is_hidden(&self) -> bool {
        self.hidden
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_quick_presses_are_one_double_click_whenever_they_are_looked_at() {
        let mut mouse = Mouse::new(false, 0);
        let times = [0, 100, 200, 700, 1200, 1300, u32::MAX - 50, 100];
        let double = times.map(|ms| mouse.press(ms));
        assert_eq!(double, [false, true, false, false, false, true, false, true]);
    }

    #[test]
    fn a_pointer_that_rests_hides_and_a_successor_leaves_it_hidden() {
        let mut mouse = Mouse::new(false, 5 * MS);
        let here = Some((1.0, 1.0));
        assert_eq!(mouse.look(here, false, 6 * MS), None);
        assert_eq!(mouse.look(here, false, 2100 * MS), Some(true));
        assert_eq!(mouse.look(here, false, 2200 * MS), None);
        let mut successor = Mouse::new(mouse.is_hidden(), 9000 * MS);
        assert_eq!(successor.look(here, false, 9001 * MS), None);
        assert!(successor.is_hidden());
        assert_eq!(successor.look(Some((2.0, 1.0)), false, 9002 * MS), Some(false));
        assert_eq!(mouse.look(here, true, 2300 * MS), Some(false));
    }
}
