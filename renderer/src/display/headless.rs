//! No display: frames go by their clock and nobody sees them. For tests, measurements and machines without a screen.

use super::{Display, DisplayError, Outcome, Picture};
use crate::osd::Overlay;

/// Shows nothing.
#[derive(Debug)]
pub(crate) struct Headless;

impl Display for Headless {
    fn describe(&self) -> String {
        "none".into()
    }

    fn prepare(&mut self, _picture: &Picture<'_>) -> Result<(), DisplayError> {
        Ok(())
    }

    fn prepares(&self) -> bool {
        false
    }

    fn show(&mut self, _overlay: &Overlay) -> Result<Outcome, DisplayError> {
        Ok(Outcome::Shown)
    }
}
