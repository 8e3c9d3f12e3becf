//! Conditional blocks: which lines count.
//!
//! ```text
//!             .if/.elif true            next .elif/.else
//!  Waiting ───────────────────▶ Taken ───────────────────▶ Done
//!     │            .else          ▲
//!     └───────────────────────────┘       within a block that does not count: Skipped
//! ```

use super::condition;
use crate::cond::Facts;
use crate::diag::Report;
use crate::env::Environment;
use crate::span::Span;
use crate::tree::Word;

/// Deepest nesting of blocks.
const DEPTH_MAX: usize = 64;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Branch {
    /// No branch was taken yet.
    Waiting,
    /// Lines count.
    Taken,
    /// An earlier branch was taken.
    Done,
    /// The block lies in one that does not count.
    Skipped,
}

#[derive(Debug)]
struct Block {
    branch: Branch,
    opened: Span,
    has_else: bool,
}

/// The blocks that are open.
#[derive(Debug, Default)]
pub(super) struct Blocks {
    open: Vec<Block>,
    /// Blocks opened beyond [`DEPTH_MAX`]: none of their lines counts.
    too_deep: usize,
}

impl Blocks {
    /// Whether lines count here.
    pub(super) fn is_active(&self) -> bool {
        self.too_deep == 0 && self.open.last().is_none_or(|block| block.branch == Branch::Taken)
    }

    /// Takes `.if`, `.elif`, `.else` or `.endif`, which is `words[0]`.
    pub(super) fn directive(
        &mut self,
        words: &[Word],
        env: &Environment,
        facts: &Facts,
        report: &mut Report,
    ) {
        let (directive, rest) = (&words[0], &words[1..]);
        match directive.bytes.as_slice() {
            b".if" => self.open(directive, rest, env, facts, report),
            b".endif" => {
                no_more(directive, rest, report);
                if self.too_deep > 0 {
                    self.too_deep -= 1;
                } else if self.open.pop().is_none() {
                    lone(directive, report);
                }
            }
            _ if self.too_deep > 0 => {}
            _ => self.next_branch(directive, rest, env, facts, report),
        }
    }

    fn open(
        &mut self,
        directive: &Word,
        rest: &[Word],
        env: &Environment,
        facts: &Facts,
        report: &mut Report,
    ) {
        if self.open.len() == DEPTH_MAX {
            if self.too_deep == 0 {
                report.alert(directive.span, format!("more than {DEPTH_MAX} nested '.if' blocks"));
            }
            self.too_deep += 1;
            return;
        }
        let branch = if !self.is_active() {
            Branch::Skipped
        } else if condition(rest, env, facts, report) {
            Branch::Taken
        } else {
            Branch::Waiting
        };
        self.open.push(Block { branch, opened: directive.span, has_else: false });
    }

    /// `.elif` and `.else`.
    fn next_branch(
        &mut self,
        directive: &Word,
        rest: &[Word],
        env: &Environment,
        facts: &Facts,
        report: &mut Report,
    ) {
        let is_else = directive.bytes == b".else";
        if is_else {
            no_more(directive, rest, report);
        }
        let Some(block) = self.open.last_mut() else {
            lone(directive, report);
            return;
        };
        if block.has_else {
            let text = directive.text().into_owned();
            report
                .alert(directive.span, format!("'{text}' after '.else'"))
                .related(block.opened, "the block begins here");
            return;
        }
        block.has_else = is_else;
        block.branch = match block.branch {
            Branch::Waiting if is_else || condition(rest, env, facts, report) => Branch::Taken,
            Branch::Taken => Branch::Done,
            same => same,
        };
    }

    /// The end of a file closes every block, which is a mistake.
    pub(super) fn finish(&mut self, report: &mut Report) {
        self.too_deep = 0;
        for block in self.open.drain(..) {
            report
                .alert(block.opened, "this '.if' has no '.endif'")
                .help("a block ends in the file it begins in");
        }
    }
}

fn no_more(directive: &Word, rest: &[Word], report: &mut Report) {
    if let Some(excess) = rest.first() {
        let (name, text) = (directive.text(), excess.text());
        report.alert(excess.span, format!("unexpected '{text}' after '{name}'"));
    }
}

fn lone(directive: &Word, report: &mut Report) {
    let text = directive.text();
    report.alert(directive.span, format!("'{text}' without '.if'"));
}
