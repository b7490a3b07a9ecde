//! What is evaluated: the tree with pairs taken apart into columns, and every comparison made ready.
//!
//! A plan works on blocks of [`BLOCK_ROWS`] rows, as words of 64 rows each. Every node *restricts* the words that it gets: it
//! clears the bits of rows for which it does not hold. So a later part of an `and` sees only what the earlier ones
//! left, a word or block that is empty already costs nothing, and all that is in between lies on the stack.

mod address;
mod columns;
mod compile;
mod derived;
mod json;
mod leaf;
mod number;
mod text;

pub(crate) use address::AddressSet;
pub(crate) use compile::{largest, of_duration, of_number, prefixes, ranges, shifted};
pub(crate) use derived::per_second;
pub(crate) use json::{Member, compared, member};
pub(crate) use number::{NumberSet, ordered};

use weir_record::FlowBatch;

use crate::syntax::Expression;
use leaf::Leaf;

/// Words of a block: large enough that going down the tree costs little, small enough to stay in the nearest cache.
const BLOCK_WORDS: usize = 32;
/// Rows of a block.
const BLOCK_ROWS: usize = BLOCK_WORDS * 64;

/// The selected rows of a block, or of the shorter last one.
type Block = [u64];

/// A filter ready to run.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    root: Node,
}

#[derive(Clone, Debug)]
enum Node {
    /// Every row.
    Any,
    And(Vec<Node>),
    Or(Vec<Node>),
    Not(Box<Node>),
    Leaf(Leaf),
}

impl Plan {
    /// Prepares a filter.
    pub(crate) fn new(expression: &Expression) -> Self {
        Self { root: compile::node(expression) }
    }

    /// Clears the bits of rows for which the filter does not hold.
    pub(crate) fn restrict(&self, batch: &FlowBatch, words: &mut [u64]) {
        for (index, block) in words.chunks_mut(BLOCK_WORDS).enumerate() {
            self.root.restrict(batch, index * BLOCK_ROWS, block);
        }
    }
}

impl Node {
    /// Clears the bits of rows for which the node does not hold. The block begins at row `first`, a multiple of 64.
    fn restrict(&self, batch: &FlowBatch, first: usize, block: &mut Block) {
        match self {
            Self::Any => {}
            Self::Leaf(leaf) => leaf.restrict(batch, first, block),
            Self::And(parts) => {
                for part in parts {
                    if is_empty(block) {
                        return;
                    }
                    part.restrict(batch, first, block);
                }
            }
            Self::Not(inner) => {
                let mut copy = [0; BLOCK_WORDS];
                let holds = copied(block, &mut copy);
                inner.restrict(batch, first, holds);
                clear(block, holds);
            }
            Self::Or(parts) => {
                // `block` becomes what no part holds for yet, and at the end the rest of what came in.
                let (mut copy, mut all) = ([0; BLOCK_WORDS], [0; BLOCK_WORDS]);
                let all = copied(block, &mut all);
                for part in parts {
                    if is_empty(block) {
                        break;
                    }
                    let holds = copied(block, &mut copy);
                    part.restrict(batch, first, holds);
                    clear(block, holds);
                }
                for (left, all) in block.iter_mut().zip(all) {
                    *left = *all & !*left;
                }
            }
        }
    }
}

fn is_empty(block: &Block) -> bool {
    block.iter().all(|word| *word == 0)
}

/// A copy of the block in memory of the caller.
fn copied<'a>(block: &Block, memory: &'a mut [u64; BLOCK_WORDS]) -> &'a mut Block {
    let copy = &mut memory[..block.len().min(BLOCK_WORDS)];
    copy.copy_from_slice(block);
    copy
}

/// Clears the bits that are set in `bits`.
fn clear(block: &mut Block, bits: &Block) {
    for (word, bits) in block.iter_mut().zip(bits) {
        *word &= !bits;
    }
}
