//! A lesson's file: Markdown with known headings. Everything else in it is for people.

use crate::schedule;

use super::{Answer, Claim, Goal, Lesson, Measure, Question, Regions, Repair, Shipped, Survivor};

/// Why a lesson's file cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
#[allow(missing_docs)]
pub struct LessonError {
    pub line: usize,
    pub problem: String,
}

const SECTIONS: [&str; 15] = [
    "Text",
    "Predict",
    "Program",
    "Run",
    "Goals",
    "See",
    "Repair",
    "Hints",
    "Proof",
    "Why",
    "Guide",
    "Survivors",
    "Measure",
    "Shipped",
    "Notes",
];

/// A line and its number.
type Numbered<'t> = (usize, &'t str);

pub(super) fn parse(text: &str) -> Result<Lesson, LessonError> {
    let lines: Vec<Numbered<'_>> = text.lines().enumerate().map(|(i, l)| (i + 1, l)).collect();
    let mut lesson = Lesson::default();
    let head = lines.first().and_then(|l| l.1.strip_prefix("# ")).and_then(|h| h.split_once(". "));
    let (id, title) = head.ok_or_else(|| error(1, "expected `# 8. The title`"))?;
    (lesson.id, lesson.title) = (id.trim().into(), title.trim().into());
    let mut repairs = vec![];
    for (line, name, body) in sections(&lines, "## ") {
        if !SECTIONS.contains(&name) {
            return Err(error(line, &format!("`## {name}`: expected one of {}", SECTIONS.join(", "))));
        }
        match name {
            "Text" => lesson.text = prose(&body),
            "Run" => lesson.run = prose(&body),
            "See" => lesson.see = prose(&body),
            "Proof" => lesson.proof = prose(&body),
            "Why" => lesson.why = prose(&body),
            "Predict" => lesson.predict = questions(&body)?,
            "Program" => lesson.program = fence(&body).ok_or_else(|| error(line, "expected a block ```lab"))?.1,
            "Goals" => lesson.goals = items(&body).into_iter().map(goal).collect::<Result<_, _>>()?,
            "Hints" => lesson.hints = hints(&body),
            "Guide" => lesson.guide = items(&body).into_iter().map(claim).collect::<Result<_, _>>()?,
            "Measure" => lesson.measure = Some(measure(line, &body)?),
            "Shipped" => lesson.shipped = items(&body).into_iter().map(shipped).collect::<Result<_, _>>()?,
            "Survivors" => lesson.survivors = items(&body).into_iter().map(survivor).collect::<Result<_, _>>()?,
            "Repair" => {
                let first = body.iter().position(|l| l.1.starts_with("### ")).unwrap_or(body.len());
                lesson.task = prose(&body[..first]);
                repairs = body[first..].to_vec();
            }
            _ => {}
        }
    }
    if lesson.program.is_empty() && lesson.measure.is_none() {
        return Err(error(1, "there is neither a `## Program` nor something to `## Measure`"));
    }
    for (line, name, body) in sections(&repairs, "### ") {
        let repair = repair(&lesson, line, name, &body)?;
        lesson.repairs.push(repair);
    }
    Ok(lesson)
}

/// What is measured is named by the section's first word in backticks.
fn measure(line: usize, body: &[Numbered<'_>]) -> Result<Measure, LessonError> {
    let text = prose(body);
    let name = text.split('`').nth(1).map(str::to_owned);
    let name = name.ok_or_else(|| error(line, "expected the name of what is measured, such as `counter`"))?;
    Ok(Measure { name, text })
}

fn shipped((line, item): (usize, String)) -> Result<Shipped, LessonError> {
    let parts: Vec<&str> = item.splitn(5, '`').collect();
    let [_, file, _, mark, says] = parts[..] else {
        return Err(error(line, "expected - `file`, `how its first line begins`: why"));
    };
    let found = SHIPPED.iter().find(|s| (s.0, s.1) == (file, mark));
    let (first, code) = found.map_or((0, String::new()), |s| (s.2, s.3.to_owned()));
    Ok(Shipped { file: file.into(), line: first, says: says.trim_start_matches(':').trim().into(), code })
}

/// File, how the first line begins, its number, and the lines: taken from the sources when this was built.
const SHIPPED: &[(&str, &str, usize, &str)] = include!(concat!(env!("OUT_DIR"), "/shipped.rs"));

fn error(line: usize, problem: &str) -> LessonError {
    LessonError { line, problem: problem.into() }
}

/// The parts below headings of one level; headings in fenced blocks are none.
fn sections<'t>(lines: &[Numbered<'t>], mark: &str) -> Vec<(usize, &'t str, Vec<Numbered<'t>>)> {
    let mut all: Vec<(usize, &str, Vec<Numbered<'_>>)> = vec![];
    let mut fenced = false;
    for (n, l) in lines {
        fenced ^= l.starts_with("```");
        match l.strip_prefix(mark).filter(|_| !fenced) {
            Some(name) => all.push((*n, name.trim(), vec![])),
            None => {
                if let Some(last) = all.last_mut() {
                    last.2.push((*n, l));
                }
            }
        }
    }
    all
}

fn prose(lines: &[Numbered<'_>]) -> String {
    lines.iter().map(|l| l.1).collect::<Vec<_>>().join("\n").trim().to_owned()
}

/// The first fenced block: what stands behind its mark, its text, and where it begins and ends.
fn fence(lines: &[Numbered<'_>]) -> Option<(String, String, std::ops::Range<usize>)> {
    let begin = lines.iter().position(|l| l.1.starts_with("```"))?;
    let len = lines[begin + 1..].iter().position(|l| l.1.starts_with("```"))?;
    let text: String = lines[begin + 1..begin + 1 + len].iter().flat_map(|l| [l.1, "\n"]).collect();
    Some((lines[begin].1[3..].trim().to_owned(), text, begin..begin + len + 2))
}

/// Items of a list, with the lines that are indented below them.
fn items<'t>(lines: &[Numbered<'t>]) -> Vec<(usize, String)> {
    let mut all: Vec<(usize, String)> = vec![];
    for (n, l) in lines {
        match (l.strip_prefix("- "), all.last_mut()) {
            (Some(item), _) => all.push((*n, item.to_owned())),
            (None, Some(last)) if l.starts_with("  ") => last.1 = format!("{} {}", last.1, l.trim()),
            _ => {}
        }
    }
    all
}

fn questions(lines: &[Numbered<'_>]) -> Result<Vec<Question>, LessonError> {
    let mut all: Vec<Question> = vec![];
    let mut words: Vec<&str> = vec![];
    for (n, l) in lines {
        let answer =
            [("- [ ] ", false), ("- [x] ", true)].into_iter().find_map(|(m, r)| l.strip_prefix(m).map(|t| (t, r)));
        if let Some((text, right)) = answer {
            if !words.is_empty() {
                all.push(Question { text: words.join("\n").trim().into(), answers: vec![] });
                words.clear();
            }
            let question = all.last_mut().ok_or_else(|| error(*n, "an answer without a question before it"))?;
            question.answers.push(Answer { text: text.trim().into(), right, why: String::new() });
        } else if let Some(why) = l.strip_prefix("  ").filter(|_| words.is_empty()) {
            let answer = all.last_mut().and_then(|q| q.answers.last_mut());
            let answer = answer.ok_or_else(|| error(*n, "an explanation without an answer before it"))?;
            answer.why = format!("{} {}", answer.why, why.trim()).trim().into();
        } else if !l.trim().is_empty() || !words.is_empty() {
            words.push(l);
        }
    }
    Ok(all)
}

/// `` reach `end and count = 2` by `ab2aba2b`: Make it 2. ``
fn goal((line, item): (usize, String)) -> Result<Goal, LessonError> {
    let expected = "expected `- reach `CONDITION` by `SCHEDULE`: text` or `- never …` or `- after …`";
    let parts: Vec<&str> = item.splitn(3, '`').collect();
    let [kind, condition, rest] = parts[..] else { return Err(error(line, expected)) };
    let (possible, after) = match kind.trim() {
        "reach" => (true, false),
        "never" => (false, false),
        "after" => (true, true),
        _ => return Err(error(line, expected)),
    };
    let (schedule, text) = match rest.trim().strip_prefix("by `").and_then(|r| r.split_once('`')) {
        Some((schedule, text)) => (schedule, text),
        None => ("", rest),
    };
    let text = text.trim().strip_prefix(':').ok_or_else(|| error(line, expected))?;
    let (instance, schedule) = schedule::numbered(schedule);
    Ok(Goal {
        possible,
        after,
        condition: condition.into(),
        text: text.trim().into(),
        schedule: schedule.into(),
        instance,
    })
}

fn hints(lines: &[Numbered<'_>]) -> Vec<String> {
    let mut all: Vec<String> = vec![];
    for (_, l) in lines {
        let numbered = l.split_once(". ").filter(|(n, _)| !n.is_empty() && n.chars().all(|c| c.is_ascii_digit()));
        match (numbered, all.last_mut()) {
            (Some((_, hint)), _) => all.push(hint.trim().into()),
            (None, Some(last)) if !l.trim().is_empty() => *last = format!("{last} {}", l.trim()),
            _ => {}
        }
    }
    all
}

/// `"the claim": holds in part. Why.`
fn claim((line, item): (usize, String)) -> Result<Claim, LessonError> {
    let expected = "expected `- \"claim\": holds. Why` (or `holds in part`, `does not hold`)";
    let rest = item.strip_prefix('"').and_then(|r| r.split_once("\": "));
    let (claim, rest) = rest.ok_or_else(|| error(line, expected))?;
    let (holds, why) = rest.split_once(". ").ok_or_else(|| error(line, expected))?;
    if !["holds", "holds in part", "does not hold"].contains(&holds) {
        return Err(error(line, expected));
    }
    Ok(Claim { claim: claim.into(), holds: holds.into(), why: why.into() })
}

/// `` `without 12: post filled`: the reason ``
fn survivor((line, item): (usize, String)) -> Result<Survivor, LessonError> {
    let parts = item.strip_prefix('`').and_then(|r| r.split_once("`: "));
    let (mutant, reason) = parts.ok_or_else(|| error(line, "expected `- `MUTANT`: reason`"))?;
    Ok(Survivor { mutant: mutant.into(), reason: reason.into() })
}

/// `### stuck: two locks`, a text, perhaps ``Schedule: `a4Xa` ``, and a block: ```` ```lab ```` with the whole region, or
/// ```` ```change start ```` or ```` ```change right ```` with what is different from the start or from the first right repair.
fn repair(lesson: &Lesson, line: usize, name: &str, body: &[Numbered<'_>]) -> Result<Repair, LessonError> {
    let (verdict, name) = name.split_once(": ").ok_or_else(|| error(line, "expected `### verdict: name`"))?;
    let (kind, block, at) = fence(body).ok_or_else(|| error(line, "expected a block ```lab or ```change"))?;
    let start = Regions::of(&lesson.program).map_or(String::new(), |r| r.mine.join("\n"));
    let region = match kind.as_str() {
        "lab" => block,
        "change start" => change(&start, &block).map_err(|e| error(body[at.start].0, &e))?,
        "change right" => {
            let right = lesson.repairs.iter().find(|r| r.verdict == "right");
            let right = right.ok_or_else(|| error(line, "there is no right repair before this one"))?;
            change(&right.region, &block).map_err(|e| error(body[at.start].0, &e))?
        }
        other => {
            return Err(error(body[at.start].0, &format!("`{other}`: expected lab, change start or change right")));
        }
    };
    let mut words = body[..at.start].to_vec();
    words.extend_from_slice(&body[at.end..]);
    let said =
        |l: &Numbered<'_>| l.1.strip_prefix("Schedule: `").and_then(|s| s.split_once('`')).map(|s| s.0.to_owned());
    let schedule = words.iter().find_map(said).unwrap_or_default();
    words.retain(|l| said(l).is_none());
    Ok(Repair { name: name.into(), verdict: verdict.trim().into(), schedule, text: prose(&words), region })
}

/// A text with some lines changed: `-` leaves one out, `+` puts one in, a blank keeps one; `@@` begins the next place. Each place has
/// to be there exactly once.
fn change(text: &str, block: &str) -> Result<String, String> {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for part in block.split("@@\n") {
        let kept = |sign: [char; 2]| -> Vec<&str> {
            let lines = part.lines().filter(|l| l.is_empty() || l.starts_with(sign));
            lines.map(|l| l.get(1..).unwrap_or("")).collect()
        };
        let (old, new) = (kept([' ', '-']), kept([' ', '+']));
        let fits = |i: &usize| old.iter().zip(&lines[*i..]).all(|(a, b)| a.trim_end() == b.trim_end());
        let places: Vec<usize> = (0..(lines.len() + 1).saturating_sub(old.len())).filter(fits).collect();
        let [at] = places[..] else {
            return Err(format!("these lines are there {} times, not once: {}", places.len(), old.join(" / ")));
        };
        lines.splice(at..at + old.len(), new.into_iter().map(str::to_owned));
    }
    Ok(lines.join("\n") + "\n")
}
