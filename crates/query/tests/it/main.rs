//! Filters as data: texts and the rows of one small batch that they select, wrong texts and what is said of them.

mod batch;
mod texts;
