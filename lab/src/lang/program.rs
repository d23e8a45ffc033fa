//! A program after reading: words, semaphores, and for each process a list of operations.

/// An expression over private values. Shared words were loaded before, each by an operation of its own.
#[derive(Debug, Clone, PartialEq)]
pub enum Expr {
    /// A number.
    Number(i64),
    /// A private value, by its index in [`Block::locals`].
    Local(usize),
    /// Two operands.
    Binary(Binary, Box<(Expr, Expr)>),
}

/// What an expression does with its two operands. Comparisons give 1 or 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // The names say it.
pub enum Binary {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    And,
    Or,
    /// The two halves of a frame: their value if they are equal, [`TORN`] if they are not.
    Halves,
}

/// What reading a frame gives if its two halves do not belong together.
pub const TORN: i64 = -1;

/// A shared word: an array's first word, how many words it has, and which is meant.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub struct Place {
    pub base: usize,
    pub len: usize,
    pub index: Expr,
}

/// One operation. The private ones are nobody's business: they run together with the step before them.
#[derive(Debug, Clone, PartialEq)]
pub enum Op {
    /// Private: evaluates into a private value.
    Set(usize, Expr),
    /// Private: goes on elsewhere.
    Jump(usize),
    /// Private: goes on elsewhere if the expression is 0.
    Unless(Expr, usize),
    /// Private: reads a word that nobody else writes, so that nobody can change what is seen.
    Own(usize, Place),
    /// Reads a word.
    Load(usize, Place),
    /// Writes a word.
    Store(Place, Expr),
    /// Writes the second value if the word holds the first, and says whether it did.
    Cas(usize, Place, Expr, Expr),
    /// Writes, and gives what was there.
    Swap(usize, Place, Expr),
    /// Adds, and gives what was there.
    Add(usize, Place, Expr),
    /// Takes a token, or sleeps until there is one.
    Wait(usize),
    /// Takes a token if there is one, and says whether it did.
    Try(usize, usize),
    /// Adds a token.
    Post(usize),
    /// Shows a frame: the effect that the world sees.
    Use(Expr),
    /// Goes into a room that holds one.
    Enter(usize),
    /// Leaves it.
    Leave(usize),
    /// Waits until every store has reached memory.
    Fence,
    /// The block's end.
    Halt,
}

impl Op {
    /// Whether others can see it, or are seen by it: such an operation is a step of its own.
    pub fn is_step(&self) -> bool {
        !matches!(self, Op::Set(..) | Op::Jump(_) | Op::Unless(..) | Op::Own(..))
    }
}

/// A process, or what is done after the death of one.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Block {
    /// Its operations; the last is [`Op::Halt`].
    pub ops: Vec<Op>,
    /// For each operation its line, counted from 1.
    pub lines: Vec<usize>,
    /// The names of its private values. Those that begin with `%` are the language's own.
    pub locals: Vec<String>,
    /// For each operation: the private values that it or a later one still asks for, one bit each.
    pub live: Vec<u32>,
    /// Its first and its last line.
    pub span: (usize, usize),
}

/// A process and its recovery.
#[derive(Debug, Clone, Default, PartialEq)]
#[allow(missing_docs)]
pub struct Process {
    pub name: String,
    pub block: Block,
    /// `after death of …`; without one, a dead process is started again and nothing else is done.
    pub recovery: Block,
    /// At its end it stays alive, and so can still be killed.
    pub rests: bool,
    /// It may be asleep when everything is over.
    pub may_sleep: bool,
}

/// What the frames that are used have to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// 1, 2, 3 …, each once.
    Once,
    /// 1, 2, 3 …; a frame may be used twice.
    Repeats,
    /// Never an older one than before; the last one for certain.
    Latest,
}

/// What one process has to do itself, all told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Share {
    pub who: usize,
    pub of: Of,
    pub wanted: i64,
}

/// What is counted of a process: by how much it has changed a word, or how often it has entered a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Of {
    Word(usize),
    Room(usize),
}

/// What has to be true of the words in memory after every step.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub struct Always {
    pub condition: String,
    /// The words that it asks for: loads alone.
    pub block: Block,
    pub holds: Expr,
}

/// When another process sees a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Memory {
    /// At once.
    #[default]
    Sequential,
    /// Later: stores wait in a buffer of the processor that made them, as on x86.
    Tso,
}

/// An array of words. A frame's second halves follow its first.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Array {
    pub name: String,
    pub base: usize,
    pub len: usize,
    pub frame: bool,
    pub line: usize,
}

/// One instance of a program: one scene, one size.
#[derive(Debug, Clone, Default, PartialEq)]
#[allow(missing_docs)]
pub struct Program {
    /// The text, line by line.
    pub text: Vec<String>,
    pub scene: String,
    /// The constant that ranges over sizes, and its value here.
    pub size: Option<(String, i64)>,
    pub arrays: Vec<Array>,
    /// Each word's name and first value.
    pub words: Vec<(String, i64)>,
    /// Each semaphore's name and first value.
    pub semaphores: Vec<(String, i64)>,
    pub rooms: Vec<String>,
    pub processes: Vec<Process>,
    /// What is expected of the frames used, and how many there are.
    pub expect: Option<(Expect, i64)>,
    /// Values that words must have in the end.
    pub finals: Vec<(usize, i64)>,
    /// Arrays of which one has to hold a value in the end.
    pub some: Vec<(usize, i64)>,
    pub shares: Vec<Share>,
    pub always: Vec<Always>,
    /// The names of its constants.
    pub constants: Vec<String>,
    pub deaths: usize,
    pub memory: Memory,
}

impl Program {
    /// A line's code, without its comment and indentation.
    pub fn code(&self, line: usize) -> &str {
        let text = line.checked_sub(1).and_then(|l| self.text.get(l)).map_or("", String::as_str);
        text.split('#').next().unwrap_or("").trim()
    }
}
