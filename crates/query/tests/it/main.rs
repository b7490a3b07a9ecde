//! Filters as data: texts and the rows of one small batch that they select, wrong texts and what is said of them; then limits,
//! completion and the mask.

mod batch;
mod completion;
mod limits;
mod mask;
mod texts;
