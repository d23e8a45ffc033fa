//! What is private: words that one process alone writes are no step for it to read, and private values that nobody asks
//! for again are forgotten, since they would only multiply the states.

use super::program::{Block, Expr, Op, Place, Program};

/// Marks what is private in every block.
pub(crate) fn settle(p: &mut Program) {
    let writers: Vec<Option<usize>> = (0..p.words.len()).map(|w| sole_writer(p, w)).collect();
    for (i, q) in p.processes.iter_mut().enumerate() {
        for block in [&mut q.block, &mut q.recovery] {
            for op in &mut block.ops {
                if let Op::Load(to, place) = op {
                    let mine = |w: usize| writers[w].is_none_or(|s| s == i);
                    if (place.base..place.base + place.len).all(mine) {
                        *op = Op::Own(*to, place.clone());
                    }
                }
            }
            block.live = live(block);
        }
    }
}

/// The one process that writes this word, `usize::MAX` if there are several, `None` if nobody does. Recovery writes in the
/// place of its dead process.
fn sole_writer(p: &Program, word: usize) -> Option<usize> {
    let mut sole = None;
    for (i, q) in p.processes.iter().enumerate() {
        let writes = |op: &Op| match op {
            Op::Store(x, _) | Op::Cas(_, x, ..) | Op::Swap(_, x, _) | Op::Add(_, x, _) => {
                (x.base..x.base + x.len).contains(&word)
            }
            _ => false,
        };
        if q.block.ops.iter().chain(&q.recovery.ops).any(writes) {
            sole = Some(if sole.is_some() { usize::MAX } else { i });
        }
    }
    sole
}

/// Backwards until nothing changes: what an operation asks for, and what those after it do unless it is given anew.
fn live(block: &Block) -> Vec<u32> {
    let mut live = vec![0u32; block.ops.len() + 1];
    loop {
        let before = live.clone();
        for (i, op) in block.ops.iter().enumerate().rev() {
            let after = match op {
                Op::Jump(to) => live[*to],
                Op::Unless(_, to) => live[i + 1] | live[*to],
                Op::Halt => 0,
                _ => live[i + 1],
            };
            let (given, asked) = access(op);
            live[i] = (after & !given) | asked;
        }
        if live == before {
            live.pop();
            return live;
        }
    }
}

/// The private values that an operation gives and asks for, one bit each.
fn access(op: &Op) -> (u32, u32) {
    let place = |p: &Place| asks(&p.index);
    match op {
        Op::Set(to, e) => (1 << to, asks(e)),
        Op::Unless(e, _) | Op::Use(e) => (0, asks(e)),
        Op::Own(to, p) | Op::Load(to, p) => (1 << to, place(p)),
        Op::Store(p, e) => (0, place(p) | asks(e)),
        Op::Cas(to, p, a, b) => (1 << to, place(p) | asks(a) | asks(b)),
        Op::Swap(to, p, e) | Op::Add(to, p, e) => (1 << to, place(p) | asks(e)),
        Op::Try(to, _) => (1 << to, 0),
        Op::Jump(_) | Op::Wait(_) | Op::Post(_) | Op::Enter(_) | Op::Leave(_) | Op::Fence | Op::Halt => (0, 0),
    }
}

fn asks(e: &Expr) -> u32 {
    match e {
        Expr::Number(_) => 0,
        Expr::Local(l) => 1 << l,
        Expr::Binary(_, both) => asks(&both.0) | asks(&both.1),
    }
}
