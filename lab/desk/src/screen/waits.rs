//! Who waits for whom: the arrows that lesson 6 draws. Where each sleeps, the kernel says; who took the token that is missing there, the
//! steps so far. A semaphore itself knows neither.

use tricine_lab::run::Moment;

/// A circle of processes that wait for each other, beginning with the first of them: `ann`, then what each waits for and who took it.
pub(super) fn circle(moments: &[Moment]) -> Option<(String, Vec<(String, String)>)> {
    let last = moments.last()?;
    let names: Vec<&str> = last.processes.iter().map(|p| p.name.as_str()).collect();
    // From a sleeper to the semaphore where it sleeps, and to who took a token there last and has not given it back.
    let next = |who: &str| {
        let at = last.processes.iter().find(|p| p.name == who)?.asleep_at.clone()?;
        let holder = holder(moments, &at)?;
        Some((at, holder))
    };
    names.iter().find_map(|first| {
        let mut way: Vec<(String, String)> = vec![];
        let mut who = (*first).to_owned();
        while way.len() < names.len() {
            let (at, holder) = next(&who)?;
            way.push((at, holder.clone()));
            if holder == *first {
                return Some(((*first).to_owned(), way));
            }
            who = holder;
        }
        None
    })
}

fn holder(moments: &[Moment], semaphore: &str) -> Option<String> {
    let tokens = |m: &Moment| m.semaphores.iter().find(|s| s.name == semaphore).map_or(0, |s| s.tokens);
    let mut holders: Vec<&str> = vec![];
    for pair in moments.windows(2) {
        let who = pair[1].told.as_ref().map_or("", |t| t.who.as_str());
        match tokens(&pair[1]) - tokens(&pair[0]) {
            -1 => holders.push(who),
            1 => {
                // Whoever gives back, gives back its own; a stranger gives back the oldest.
                let at = holders.iter().position(|h| *h == who).unwrap_or(0);
                if at < holders.len() {
                    holders.remove(at);
                }
            }
            _ => {}
        }
    }
    holders.last().map(|h| (*h).to_owned())
}

#[cfg(test)]
mod tests {
    use super::circle;

    fn played(lesson: &str, acts: &str) -> Option<(String, Vec<(String, String)>)> {
        let all = tricine_lab::lesson::all().expect("the lessons");
        let lesson = all.iter().find(|l| l.id == lesson).expect("the lesson");
        let run = lesson.replay(&lesson.start(), acts, None).expect("a run");
        circle(&run.moments)
    }

    #[test]
    fn two_who_hold_what_the_other_needs_are_a_circle_and_one_who_waits_is_none() {
        let arrow = |at: &str, who: &str| (at.to_owned(), who.to_owned());
        assert_eq!(played("6", "abab"), Some(("ann".into(), vec![arrow("right", "bob"), arrow("left", "ann")])));
        assert_eq!(played("6", "aba"), None, "bob could still go on");
        assert_eq!(played("6", "a8b8"), None);
        // A bell that nobody rings was taken by nobody.
        assert_eq!(played("8", "b"), None);
    }
}
