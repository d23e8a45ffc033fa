//! Constants and scenes: which instances of a program there are. `const frames = 1..4` asks for four of them;
//! `scene the consumer rests: made = frames + 3, consumer rests` for the same again with other constants.

use std::collections::BTreeMap;

use super::error::ParseError;
use super::token::{Cursor, Kind, LARGEST, Line};

const MOST_SIZES: i64 = 8;
const MOST_SCENES: usize = 8;
const MOST_DEATHS: i64 = 5;
const EXAMPLE: &str = "const frames = 1..4, made = frames";
const SCENE: &str = "scene the consumer rests: made = frames + 3, consumer rests";

/// What one instance of a program is made with.
#[derive(Debug, Clone, Default)]
pub(crate) struct Instance {
    pub(crate) scene: String,
    pub(crate) size: Option<(String, i64)>,
    pub(crate) consts: BTreeMap<String, i64>,
    pub(crate) rests: Vec<(String, ParseError)>,
    pub(crate) may_sleep: Vec<(String, ParseError)>,
    pub(crate) deaths: Option<usize>,
}

/// `NAME = from..to`, evaluated later: a scene may change what it depends on.
#[derive(Clone)]
struct Const<'a> {
    name: &'a str,
    value: Cursor<'a>,
}

pub(crate) fn instances(lines: &[Line]) -> Result<Vec<Instance>, ParseError> {
    let mut consts: Vec<Const<'_>> = vec![];
    for line in lines.iter().filter(|l| l.indent == 0) {
        let mut c = Cursor::new(line);
        if !c.takes_word("const") {
            continue;
        }
        loop {
            let at = c.clone();
            let name = c.name("a name", EXAMPLE)?;
            if consts.iter().any(|k| k.name == name) || super::KEYWORDS.contains(&name) {
                return Err(at.error(format!("`{name}` is already taken"), "a new name", EXAMPLE));
            }
            c.needs("=", EXAMPLE)?;
            consts.push(Const { name, value: c.clone() });
            skip_item(&mut c);
            if !c.takes(",") {
                break;
            }
        }
        c.end(EXAMPLE)?;
    }
    let mut all = vec![];
    sizes(&consts, Instance { scene: "everybody works".into(), ..Instance::default() }, &mut all)?;
    let mut scenes = 0;
    for line in lines.iter().filter(|l| l.indent == 0) {
        let mut c = Cursor::new(line);
        if !c.takes_word("scene") {
            continue;
        }
        scenes += 1;
        if scenes > MOST_SCENES {
            return Err(c.error("too many scenes", "at most 8", SCENE));
        }
        scene(c, &consts, &mut all)?;
    }
    Ok(all)
}

fn skip_item(c: &mut Cursor<'_>) {
    while c.peek().is_some() && c.sign() != Some(",") {
        c.at += 1;
    }
}

fn scene(mut c: Cursor<'_>, consts: &[Const<'_>], all: &mut Vec<Instance>) -> Result<(), ParseError> {
    let mut name = vec![];
    while let Some(word) = c.word() {
        name.push(word);
        c.at += 1;
    }
    if name.is_empty() {
        return Err(c.unexpected("the scene's name", SCENE));
    }
    c.needs(":", SCENE)?;
    let mut base = Instance { scene: name.join(" "), ..Instance::default() };
    let mut here = consts.to_vec();
    loop {
        let at = c.clone();
        if c.takes_word("deaths") {
            base.deaths = Some(deaths(&mut c)?);
        } else {
            let name = c.name("a constant or a process", SCENE)?;
            let unknown = || at.error(format!("`{name}` is not a process"), "the name of a process", SCENE);
            if c.takes_word("rests") {
                base.rests.push((name.into(), unknown()));
            } else if c.takes_word("may") {
                c.needs_word("sleep", "consumer may sleep")?;
                base.may_sleep.push((name.into(), unknown()));
            } else {
                c.needs("=", SCENE)?;
                let Some(known) = here.iter_mut().find(|k| k.name == name) else {
                    return Err(at.error(format!("`{name}` is not a constant"), "the name of a constant", SCENE));
                };
                known.value = c.clone();
                skip_item(&mut c);
            }
        }
        if !c.takes(",") {
            break;
        }
    }
    c.end(SCENE)?;
    sizes(&here, base, all)
}

pub(crate) fn deaths(c: &mut Cursor<'_>) -> Result<usize, ParseError> {
    match c.peek() {
        Some(Kind::Number(n)) if *n <= MOST_DEATHS => {
            c.at += 1;
            Ok(usize::try_from(*n).unwrap_or(0))
        }
        _ => Err(c.unexpected("a number up to 5", "deaths 2")),
    }
}

/// One instance for each value of the constant that has a range.
fn sizes(consts: &[Const<'_>], base: Instance, all: &mut Vec<Instance>) -> Result<(), ParseError> {
    let mut range: Option<(&str, i64, i64)> = None;
    let mut known = BTreeMap::new();
    for k in consts {
        let mut c = k.value.clone();
        let from = sum(&mut c, &known)?;
        if c.takes("..") {
            let to = sum(&mut c, &known)?;
            if range.is_some() {
                return Err(k.value.error("a second range", "one range in a program", EXAMPLE));
            }
            if to < from || to - from >= MOST_SIZES {
                return Err(k.value.error("this range", "a range of one to eight numbers, smaller first", EXAMPLE));
            }
            range = Some((k.name, from, to));
        }
        if c.peek().is_some() && c.sign() != Some(",") {
            return Err(c.unexpected("`,` or the end of the line", EXAMPLE));
        }
        known.insert(k.name.to_owned(), from);
    }
    let (name, from, to) = range.unwrap_or(("", 0, 0));
    for value in from..=to {
        let mut values = BTreeMap::new();
        for k in consts {
            let v = if k.name == name { value } else { sum(&mut k.value.clone(), &values)? };
            if v.abs() > LARGEST {
                return Err(k.value.error(format!("`{}` would be {v}", k.name), "at most 9999", EXAMPLE));
            }
            values.insert(k.name.to_owned(), v);
        }
        all.push(Instance { size: range.map(|_| (name.to_owned(), value)), consts: values, ..base.clone() });
    }
    Ok(())
}

/// Sums and products of numbers and of constants before this one.
pub(crate) fn sum(c: &mut Cursor<'_>, known: &BTreeMap<String, i64>) -> Result<i64, ParseError> {
    let mut total = product(c, known)?;
    loop {
        if c.takes("+") {
            total = total.saturating_add(product(c, known)?);
        } else if c.takes("-") {
            total = total.saturating_sub(product(c, known)?);
        } else {
            return Ok(total);
        }
    }
}

fn product(c: &mut Cursor<'_>, known: &BTreeMap<String, i64>) -> Result<i64, ParseError> {
    let mut total = atom(c, known)?;
    while c.takes("*") {
        total = total.saturating_mul(atom(c, known)?);
    }
    Ok(total)
}

fn atom(c: &mut Cursor<'_>, known: &BTreeMap<String, i64>) -> Result<i64, ParseError> {
    let minus = c.takes("-");
    let value = match c.peek() {
        Some(Kind::Number(n)) => *n,
        Some(Kind::Name(n)) if known.contains_key(n) => known[n],
        _ => return Err(c.unexpected("a number or a constant", EXAMPLE)),
    };
    c.at += 1;
    Ok(if minus { -value } else { value })
}
