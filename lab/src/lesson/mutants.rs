//! Line mutants of a reference: each line left out, each pair of neighbours swapped. Those that are still right say which
//! lines are not needed, or that the marker does not see something; each needs a reason.

/// A changed program.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Mutant {
    /// `without 12: post filled` or `swapped 12: post filled`, by the line in the region, counted from 1.
    pub name: String,
    pub region: String,
}

/// All mutants of a region.
pub fn mutants(region: &str) -> Vec<Mutant> {
    let lines: Vec<&str> = region.lines().collect();
    let code = |l: &str| l.split('#').next().unwrap_or("").trim().to_owned();
    let mut all = vec![];
    for i in (0..lines.len()).filter(|i| !code(lines[*i]).is_empty()) {
        let mut without = lines.clone();
        without.remove(i);
        all.push(Mutant { name: format!("without {}: {}", i + 1, code(lines[i])), region: without.join("\n") });
        if i + 1 < lines.len() && code(lines[i]) != code(lines[i + 1]) && !code(lines[i + 1]).is_empty() {
            let mut swapped = lines.clone();
            swapped.swap(i, i + 1);
            all.push(Mutant { name: format!("swapped {}: {}", i + 1, code(lines[i])), region: swapped.join("\n") });
        }
    }
    all
}
