//! Which columns a plan looks at.

use std::collections::BTreeSet;

use weir_record::Column;

use super::leaf::LeafTest;
use super::{Node, Plan};

impl Plan {
    /// The columns that decide which rows are selected.
    pub(crate) fn columns(&self) -> BTreeSet<Column> {
        let mut columns = BTreeSet::new();
        add(&self.root, &mut columns);
        columns
    }
}

fn add(node: &Node, columns: &mut BTreeSet<Column>) {
    match node {
        Node::Any => {}
        Node::And(parts) | Node::Or(parts) => parts.iter().for_each(|part| add(part, columns)),
        Node::Not(inner) => add(inner, columns),
        Node::Leaf(leaf) => match &leaf.test {
            LeafTest::Present(column)
            | LeafTest::Number(column, _)
            | LeafTest::Address(column, _)
            | LeafTest::Text(column, _)
            | LeafTest::List(column, _) => {
                columns.insert(*column);
            }
            LeafTest::Quantity(quantity, _) => columns.extend(quantity.columns()),
            LeafTest::Member(..) => {
                columns.insert(Column::extra);
            }
        },
    }
}
