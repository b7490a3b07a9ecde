//! A filter: read, checked and ready to be used.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use weir_record::{Column, FlowBatch};

use crate::plan::Plan;
use crate::syntax::Expression;
use crate::{Bounds, FilterError, Mask, parse, sql};

/// A condition on flow records.
///
/// ```
/// use weir_query::{Filter, Mask};
/// use weir_record::FlowBatch;
///
/// let filter = Filter::parse("proto tcp and port 443").unwrap();
/// let mut batch = FlowBatch::new();
/// batch.protocol.push(0, 6);
/// batch.dst_port.push(0, 443);
/// batch.advance(2);
/// let mut mask = Mask::new();
/// filter.evaluate(&batch, &mut mask);
/// assert_eq!(mask.iter().collect::<Vec<_>>(), [0]);
/// ```
#[derive(Clone, Debug)]
pub struct Filter {
    expression: Expression,
    plan: Plan,
}

impl Filter {
    /// Reads and checks a text.
    ///
    /// # Errors
    /// Where the text is no filter, names what no column has, or is past a limit of this crate.
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        let expression = parse::parse(text).map_err(|fault| fault.error)?;
        Ok(Self::of(expression))
    }

    /// The filter of a tree as the parser makes them.
    pub(crate) fn of(expression: Expression) -> Self {
        Self { plan: Plan::new(&expression), expression }
    }

    /// The filter that selects every row.
    pub fn any() -> Self {
        Self::of(Expression::Any)
    }

    /// The filter that selects the rows that both select.
    pub fn and(&self, other: &Self) -> Self {
        let mut parts = Vec::new();
        for expression in [&self.expression, &other.expression] {
            match expression {
                Expression::Any => {}
                Expression::And(inner) => parts.extend_from_slice(inner),
                other => parts.push(other.clone()),
            }
        }
        match parts.pop() {
            None => Self::any(),
            Some(one) if parts.is_empty() => Self::of(one),
            Some(last) => {
                parts.push(last);
                Self::of(Expression::And(parts))
            }
        }
    }

    /// Selects in `mask` the rows of the batch for which the filter holds, and no others.
    pub fn evaluate(&self, batch: &FlowBatch, mask: &mut Mask) {
        mask.select_all(batch.rows());
        self.plan.restrict(batch, mask.words_mut());
    }

    /// The condition as a tree, for those who translate it.
    pub const fn expression(&self) -> &Expression {
        &self.expression
    }

    /// What must hold of the rows that the filter selects, for those who skip the others unread.
    pub fn bounds(&self) -> Bounds {
        Bounds::of(&self.expression)
    }

    /// The condition of a `WHERE` that selects the same rows; see [`sql`](crate::sql).
    pub fn to_sql(&self) -> String {
        sql::condition(&self.expression)
    }

    /// The columns that the filter looks at.
    pub fn columns(&self) -> BTreeSet<Column> {
        self.plan.columns()
    }
}

/// The text that means the same, in one spelling.
impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.expression.fmt(f)
    }
}

/// Two are equal when they are the same tree.
impl PartialEq for Filter {
    fn eq(&self, other: &Self) -> bool {
        self.expression == other.expression
    }
}

impl FromStr for Filter {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, FilterError> {
        Self::parse(text)
    }
}
