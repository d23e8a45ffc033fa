//! Where an instruction is: a forked process has its functions at the addresses of the one that forked it.

/// The function, with what of it was inlined and the line of source as far as the program knows them, and the address in
/// the program's file.
pub fn describe(address: u64) -> String {
    let mut names = Vec::new();
    let mut line = String::new();
    backtrace::resolve(address as *mut std::ffi::c_void, |symbol| {
        // The innermost of inlined functions comes first. Those of the standard library have no lines of ours.
        let name = symbol.name().map_or_else(|| "?".into(), |n| format!("{n:#}"));
        let file = symbol.filename().map(|f| f.to_string_lossy().into_owned()).unwrap_or_default();
        let ours = !file.contains("/library/") && !file.is_empty();
        if ours && line.is_empty() {
            let file = file.rsplit('/').next().unwrap_or_default();
            line = format!(" ({file}:{})", symbol.lineno().unwrap_or(0));
        }
        names.push(name);
    });
    let names = names.join(" in ");
    let place = in_file(address).unwrap_or_else(|| format!("{address:#x}"));
    if names.is_empty() { place } else { format!("{names}{line}, {place}") }
}

/// The file mapped at an address, and the address in it, such as `libc.so.6+0x9c0`: what `objdump` shows.
fn in_file(address: u64) -> Option<String> {
    let maps = std::fs::read_to_string("/proc/self/maps").ok()?;
    let mappings: Vec<_> = maps.lines().filter_map(mapping).collect();
    let (.., name) = mappings.iter().find(|(start, end, _)| (*start..*end).contains(&address))?;
    // A file's first mapping is at its address 0.
    let (base, ..) = mappings.iter().find(|(.., n)| n == name)?;
    Some(format!("{}+{:#x}", name.rsplit('/').next()?, address - base))
}

fn mapping(line: &str) -> Option<(u64, u64, &str)> {
    let (range, rest) = line.split_once(' ')?;
    let (start, end) = range.split_once('-')?;
    Some((u64::from_str_radix(start, 16).ok()?, u64::from_str_radix(end, 16).ok()?, rest.rsplit(' ').next()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_ours_is_named_with_its_line() {
        let here = describe(an_address_of_ours_is_named_with_its_line as *const () as u64);
        assert!(here.contains("an_address_of_ours") && here.contains("place.rs:"), "{here}");
    }

    #[test]
    fn the_clock_s_own_code_is_named_by_its_mapping() {
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let vdso = maps.lines().find(|l| l.ends_with("[vdso]")).unwrap();
        let start = u64::from_str_radix(vdso.split('-').next().unwrap(), 16).unwrap();
        assert!(describe(start + 1).contains("vdso"), "{}", describe(start + 1));
    }
}
