//! What may be typed next in a part of a question, for those who help typing.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use weir_query::{Completion, CompletionKind, complete_question};
use weir_record::Column;

use crate::people::DataLimits;

/// Most completions of an answer; whoever types on sees the others.
const MOST: usize = 200;

/// What is being typed.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Typed {
    /// The part of the question: `filter` (as without it), `by`, `measures`, `sort`, `having`, `columns`.
    part: Option<String>,
    /// The text left of the cursor.
    text: String,
}

/// Something that may stand there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CompletionRow {
    /// The whole word, to stand in place of the part of it that is typed already.
    pub text: String,
    /// `keyword`, `field`, `operator` or `value`.
    pub kind: String,
    /// One line on what it means.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub doc: String,
}

impl Typed {
    /// What may stand at the end of it. URLs are shorter than a text may be, so there is no limit of its own.
    /// Columns that are hidden are not offered.
    pub(crate) fn completions(&self, limits: Option<&DataLimits>) -> Vec<CompletionRow> {
        let found = complete_question(self.part.as_deref().unwrap_or("filter"), &self.text);
        let is_seen = |completion: &Completion| {
            let column = Column::by_name(&completion.text);
            !limits.zip(column).is_some_and(|(limits, column)| limits.is_hidden(column))
        };
        found.into_iter().filter(is_seen).take(MOST).map(row).collect()
    }
}

fn row(completion: Completion) -> CompletionRow {
    let kind = match completion.kind {
        CompletionKind::Keyword => "keyword",
        CompletionKind::Field => "field",
        CompletionKind::Operator => "operator",
        CompletionKind::Value => "value",
    };
    CompletionRow { text: completion.text, kind: kind.into(), doc: completion.doc }
}
