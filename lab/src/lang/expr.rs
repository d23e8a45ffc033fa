//! Expressions: `or`, `and`, `not`, comparisons, sums, products. Each shared word in one is loaded by a step of its own, from
//! left to right; `and` and `or` ask for both sides.

use super::compile::Compiler;
use super::error::ParseError;
use super::nearest;
use super::program::{Binary, Expr, Op, Place};
use super::token::{Cursor, Kind};

/// From the weakest to the strongest.
const LEVELS: [&[(&str, Binary)]; 5] = [
    &[("or", Binary::Or)],
    &[("and", Binary::And)],
    &[
        ("==", Binary::Equal),
        ("!=", Binary::Unequal),
        ("<=", Binary::LessOrEqual),
        (">=", Binary::GreaterOrEqual),
        ("<", Binary::Less),
        (">", Binary::Greater),
    ],
    &[("+", Binary::Add), ("-", Binary::Subtract)],
    &[("*", Binary::Multiply), ("%", Binary::Modulo), ("/", Binary::Divide)],
];
const DEEPEST: usize = 20;

impl Compiler<'_, '_> {
    pub(crate) fn expr(&mut self, c: &mut Cursor<'_>) -> Result<Expr, ParseError> {
        let e = self.level(c, 0, 0)?;
        if c.sign() == Some("=") {
            return Err(c.error("`=` in an expression", "`==` to compare", "if x == 0:"));
        }
        Ok(e)
    }

    fn level(&mut self, c: &mut Cursor<'_>, level: usize, depth: usize) -> Result<Expr, ParseError> {
        if depth > DEEPEST {
            return Err(c.error("too many brackets in each other", "a simpler expression", "x = y + 1"));
        }
        let Some(operators) = LEVELS.get(level) else { return self.atom(c, depth) };
        let mut left = self.level(c, level + 1, depth)?;
        loop {
            let found = c.sign().or(c.word());
            let Some((_, op)) = operators.iter().find(|(s, _)| Some(*s) == found) else { return Ok(left) };
            c.at += 1;
            let right = self.level(c, level + 1, depth)?;
            left = Expr::Binary(*op, Box::new((left, right)));
        }
    }

    fn atom(&mut self, c: &mut Cursor<'_>, depth: usize) -> Result<Expr, ParseError> {
        const EXPECTED: &str = "a number, a name, or a bracket";
        if c.takes("(") {
            let e = self.level(c, 0, depth + 1)?;
            c.needs(")", "x = (y + 1) % 3")?;
            return Ok(e);
        }
        if c.takes("-") {
            let e = self.level(c, LEVELS.len(), depth + 1)?;
            return Ok(Expr::Binary(Binary::Subtract, Box::new((Expr::Number(0), e))));
        }
        let at = c.clone();
        match c.peek() {
            Some(Kind::Number(n)) => {
                c.at += 1;
                Ok(Expr::Number(*n))
            }
            Some(Kind::Name(name)) => match name.as_str() {
                "true" | "false" => {
                    c.at += 1;
                    Ok(Expr::Number(i64::from(name == "true")))
                }
                "not" => {
                    c.at += 1;
                    let e = self.level(c, 2, depth + 1)?;
                    Ok(Expr::Binary(Binary::Equal, Box::new((e, Expr::Number(0)))))
                }
                name if self.scope.consts.contains_key(name) => {
                    c.at += 1;
                    Ok(Expr::Number(self.scope.consts[name]))
                }
                name if self.scope.array(name).is_some() => {
                    let place = self.place(c, Some(false), "x = head + 1")?;
                    let to = self.temporary();
                    self.room_for_locals(&at)?;
                    self.emit(c.line, Op::Load(to, place))?;
                    Ok(Expr::Local(to))
                }
                name if super::KEYWORDS.contains(&name) => Err(c.unexpected(EXPECTED, "x = y + 1")),
                name => {
                    c.at += 1;
                    self.asks(name, &at)
                }
            },
            _ => Err(c.unexpected(EXPECTED, "x = y + 1")),
        }
    }

    /// A shared word, with its index if it is one of an array. `frame`: whether it has to be a frame.
    pub(crate) fn place(
        &mut self,
        c: &mut Cursor<'_>,
        frame: Option<bool>,
        example: &str,
    ) -> Result<Place, ParseError> {
        let at = c.clone();
        let name = c.name("the name of a shared word", example)?;
        let Some(array) = self.scope.array(name).cloned() else {
            let all = self.scope.program.arrays.iter().map(|a| a.name.as_str());
            let hint = nearest(name, all).map_or(String::new(), |n| format!(" (did you mean `{n}`?)"));
            return Err(at.error(
                format!("`{name}` is not shared{hint}"),
                "a name declared by `shared` or `frame`",
                example,
            ));
        };
        match frame {
            Some(true) if !array.frame => {
                return Err(at.error(format!("`{name}` is a word"), "a frame, declared by `frame`", example));
            }
            Some(false) if array.frame => {
                let expected = "`fill FRAME with VALUE` or `v = read FRAME`";
                return Err(at.error(format!("`{name}` is a frame"), expected, "v = read slot[0]"));
            }
            _ => {}
        }
        let index = if c.takes("[") {
            let index = self.level(c, 0, 1)?;
            c.needs("]", example)?;
            index
        } else if array.len > 1 {
            return Err(c.error(format!("`{name}` has {} of them", array.len), "which one, in `[ ]`", "slot[n % 3]"));
        } else {
            Expr::Number(0)
        };
        Ok(Place { base: array.base, len: array.len, index })
    }
}
