//! Where an instruction is in the source. A forked process has its functions at the addresses of the one that forked it.

use std::path::Path;

use serde::{Deserialize, Serialize};

/// An instruction's place, as far as the program knows it: a program without debugging information knows functions only, one that is
/// stripped nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Place {
    /// The innermost function.
    pub(crate) function: String,
    /// The innermost function of Tricine's own, its line, and those that it was inlined into: `words (shared/src/channel/memory.rs:158) in
    /// announce in publish`.
    pub(crate) ours: Option<String>,
    /// That line, if its file is there.
    pub(crate) text: Option<String>,
}

impl Place {
    pub(super) fn of(address: u64) -> Self {
        let (mut all, mut ours, mut text): (Vec<String>, Option<String>, Option<String>) = (vec![], None, None);
        // One more: it takes every address for that of a call to be returned to, and looks at the instruction before.
        backtrace::resolve(std::ptr::without_provenance_mut((address + 1) as usize), |symbol| {
            let function = symbol.name().map_or_else(|| "?".into(), |n| short(&format!("{n:#}")));
            if let (Some(file), Some(line)) = (symbol.filename(), symbol.lineno())
                && let Some(path) = own(file)
            {
                match &mut ours {
                    None => {
                        ours = Some(format!("{function} ({path}:{line})"));
                        text = line_of(file, line as usize).or_else(|| line_of(Path::new(&path), line as usize));
                    }
                    Some(ours) => *ours += &format!(" in {function}"),
                }
            }
            all.push(function);
        });
        let function = all.first().cloned().unwrap_or_else(|| format!("at {address:#x}, which has no name"));
        Self { function, ours, text }
    }
}

/// A file of the channel or of this desk, from the repository's root.
fn own(file: &Path) -> Option<String> {
    let all = file.to_string_lossy().into_owned();
    ["shared/src/", "lab/desk/src/"].iter().find_map(|root| all.rfind(root).map(|at| all[at..].to_owned()))
}

fn line_of(file: &Path, line: usize) -> Option<String> {
    let text = std::fs::read_to_string(file).ok()?;
    text.lines().nth(line.checked_sub(1)?).map(|l| l.trim().to_owned())
}

/// `tricine_channel::channel::steps::<impl tricine_channel::channel::region::Channel<D>>::publish` is `publish`.
fn short(name: &str) -> String {
    let (mut depth, mut plain) = (0_usize, String::new());
    for c in name.chars() {
        match c {
            '<' => depth += 1,
            '>' => depth = depth.saturating_sub(1),
            c if depth == 0 => plain.push(c),
            _ => {}
        }
    }
    let parts: Vec<&str> = plain.split("::").filter(|p| !p.is_empty()).collect();
    // A closure is of the function before it.
    let named = parts.iter().rfind(|p| !p.starts_with('{')).copied();
    named.unwrap_or(name).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_ours_is_named_and_one_of_nobody_is_said_to_have_no_name() {
        let place = Place::of(in_order_to_be_found as *const () as u64);
        assert_eq!(place.function, "in_order_to_be_found");
        assert!(place.ours.as_ref().is_some_and(|o| o.contains("lab/desk/src/real/place.rs:")), "{place:?}");
        assert!(place.text.is_some_and(|t| t.contains("fn in_order_to_be_found")));
        assert!(Place::of(8).function.contains("no name"));
    }

    #[inline(never)]
    fn in_order_to_be_found() -> u32 {
        // A call needs a first instruction of the function's own.
        std::process::id().wrapping_add(1)
    }

    #[test]
    fn names_are_short() {
        let long = "tricine_channel::channel::steps::<impl tricine_channel::channel::region::Channel<D>>::publish";
        assert_eq!(short(long), "publish");
        assert_eq!(short("<u8 as core::slice::Fill>::fill::{{closure}}"), "fill");
        assert_eq!(short("memset"), "memset");
    }
}
