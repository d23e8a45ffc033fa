//! Lines, their indentation, and the tokens in them. A `#` begins a comment.

use super::error::ParseError;

/// More than any lesson needs, and little enough that no expression grows deep.
const LONGEST_LINE: usize = 160;
const MOST_LINES: usize = 400;
/// Values of words, numbers in programs: what is larger is a counter that grows without bound.
pub const LARGEST: i64 = 9_999;

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
    Name(String),
    Number(i64),
    Sign(&'static str),
}

#[derive(Debug, Clone)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    /// Counted from 1.
    pub(crate) column: usize,
}

#[derive(Debug, Clone)]
pub(crate) struct Line {
    /// Counted from 1.
    pub(crate) number: usize,
    pub(crate) indent: usize,
    pub(crate) tokens: Vec<Token>,
    /// The column after the last token.
    pub(crate) end: usize,
}

/// Longer signs first, so that `<=` is not read as `<`.
const SIGNS: [&str; 21] =
    ["..", "==", "!=", "<=", ">=", "=", "<", ">", "+", "-", "*", "/", "%", "(", ")", "[", "]", ":", ",", "&&", "||"];

/// The lines that hold something.
pub(crate) fn lines(text: &str) -> Result<Vec<Line>, ParseError> {
    if let Some(n) = text.lines().nth(MOST_LINES).map(|_| MOST_LINES + 1) {
        return Err(ParseError::new(n, 1, "the program is too long", "at most 400 lines", "process ann:"));
    }
    let all: Result<Vec<Line>, ParseError> = text.lines().enumerate().map(|(n, l)| line(n + 1, l)).collect();
    Ok(all?.into_iter().filter(|l| !l.tokens.is_empty()).collect())
}

fn line(number: usize, text: &str) -> Result<Line, ParseError> {
    let code: Vec<char> = text.chars().take_while(|c| *c != '#').collect();
    let error = |at: usize, found: String, expected, example| ParseError::new(number, at + 1, found, expected, example);
    let indent = code.iter().take_while(|c| c.is_whitespace()).count();
    if let Some(at) = code[..indent].iter().position(|c| *c == '\t') {
        return Err(error(at, "a tab".into(), "spaces: four for each level", "    wait filled"));
    }
    if code.len() > LONGEST_LINE {
        return Err(error(LONGEST_LINE, "the line is too long".into(), "at most 160 characters", "x = x + 1"));
    }
    let mut tokens = vec![];
    let mut at = indent;
    while at < code.len() {
        let c = code[at];
        if c.is_whitespace() {
            at += 1;
            continue;
        }
        let from = at;
        let kind = if c.is_ascii_digit() {
            at += code[at..].iter().take_while(|c| c.is_ascii_digit()).count();
            let digits: String = code[from..at].iter().collect();
            let value = digits.parse().unwrap_or(i64::MAX);
            if value > LARGEST {
                return Err(error(from, format!("`{digits}` is too large"), "a number up to 9999", "x = 3"));
            }
            Kind::Number(value)
        } else if c.is_alphabetic() || c == '_' {
            at += code[at..].iter().take_while(|c| c.is_alphanumeric() || **c == '_').count();
            Kind::Name(code[from..at].iter().collect())
        } else {
            let sign = SIGNS.iter().find(|s| s.chars().eq(code[at..].iter().take(s.len()).copied()));
            let Some(sign) = sign else {
                let expected = "a name, a number, or one of = == != < <= > >= + - * / % ( ) [ ] : ,";
                // One that cannot be seen is named.
                return Err(error(at, format!("`{}` means nothing here", c.escape_debug()), expected, "x = x + 1"));
            };
            match *sign {
                "&&" => return Err(error(at, "`&&`".into(), "`and`", "if x == 0 and y == 1:")),
                "||" => return Err(error(at, "`||`".into(), "`or`", "if x == 0 or y == 1:")),
                _ => {}
            }
            at += sign.len();
            Kind::Sign(sign)
        };
        tokens.push(Token { kind, column: from + 1 });
    }
    let end = tokens.last().map_or(indent + 1, |_| code.iter().rposition(|c| !c.is_whitespace()).unwrap_or(0) + 2);
    Ok(Line { number, indent, tokens, end })
}

/// Reads the tokens of one line from left to right.
#[derive(Clone)]
pub(crate) struct Cursor<'a> {
    pub(crate) line: &'a Line,
    pub(crate) at: usize,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(line: &'a Line) -> Self {
        Self { line, at: 0 }
    }

    pub(crate) fn peek(&self) -> Option<&'a Kind> {
        self.line.tokens.get(self.at).map(|t| &t.kind)
    }

    pub(crate) fn column(&self) -> usize {
        self.line.tokens.get(self.at).map_or(self.line.end, |t| t.column)
    }

    pub(crate) fn next(&mut self) -> Option<&'a Kind> {
        let kind = self.peek();
        self.at += 1;
        kind
    }

    pub(crate) fn sign(&self) -> Option<&'static str> {
        match self.peek() {
            Some(Kind::Sign(s)) => Some(s),
            _ => None,
        }
    }

    pub(crate) fn word(&self) -> Option<&'a str> {
        match self.peek() {
            Some(Kind::Name(s)) => Some(s),
            _ => None,
        }
    }

    /// Takes this sign if it is the next token.
    pub(crate) fn takes(&mut self, sign: &str) -> bool {
        let found = self.sign() == Some(sign);
        self.at += usize::from(found);
        found
    }

    /// Takes this word if it is the next token.
    pub(crate) fn takes_word(&mut self, word: &str) -> bool {
        let found = self.word() == Some(word);
        self.at += usize::from(found);
        found
    }

    pub(crate) fn needs(&mut self, sign: &'static str, example: &str) -> Result<(), ParseError> {
        if self.takes(sign) { Ok(()) } else { Err(self.unexpected(&format!("`{sign}`"), example)) }
    }

    pub(crate) fn needs_word(&mut self, word: &str, example: &str) -> Result<(), ParseError> {
        if self.takes_word(word) { Ok(()) } else { Err(self.unexpected(&format!("`{word}`"), example)) }
    }

    pub(crate) fn name(&mut self, what: &str, example: &str) -> Result<&'a str, ParseError> {
        let Some(name) = self.word() else { return Err(self.unexpected(what, example)) };
        self.at += 1;
        Ok(name)
    }

    pub(crate) fn end(&self, example: &str) -> Result<(), ParseError> {
        if self.peek().is_none() { Ok(()) } else { Err(self.unexpected("the end of the line", example)) }
    }

    /// The error for the token that comes next.
    pub(crate) fn unexpected(&self, expected: &str, example: &str) -> ParseError {
        let found = match self.peek() {
            None => "the line ends here".to_owned(),
            Some(Kind::Name(n)) => format!("`{n}`"),
            Some(Kind::Number(n)) => format!("`{n}`"),
            Some(Kind::Sign(s)) => format!("`{s}`"),
        };
        self.error(found, expected, example)
    }

    pub(crate) fn error(&self, found: impl Into<String>, expected: &str, example: &str) -> ParseError {
        ParseError::new(self.line.number, self.column(), found, expected, example)
    }
}
