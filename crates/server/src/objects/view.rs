//! The data of a view: a chapter and a time become questions, each of which goes the way of all questions.

use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use weir_analytics::model::chapter::ALL_SOURCES;
use weir_analytics::model::questions::ViewRange;
use weir_analytics::model::{Chapter, Profile, Scope, ScopeChannel};
use weir_query::{Question, QuestionText};

use super::all_sources;
use super::document::{ChannelRow, Envelope, ProfileName};
use super::library::Asker;
use super::routes::library;
use super::view_answer::{self, Part, View};
use crate::error::{Fault, Refusal};
use crate::moment;
use crate::people::Caller;
use crate::question::Asked;
use crate::routes::{Shared, now, waiting, zone};

/// How long a view reaches back where nothing is told.
const USUAL_LENGTH: &str = "1h";

/// A view and its time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AskedView {
    /// A chapter that is told here; it needs no name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chapter: Option<Chapter>,
    /// Instead of that: the id of a chapter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Begin of the time, as of questions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// End of the time, not included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Instead of both: this long until now. Without any of them the time of the profile, else `1h`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "6h")]
    pub last: Option<String>,
    /// The step of a series, in place of that of the chapter.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub step: String,
    /// Only records for which this holds besides.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub filter: String,
    /// Names of addresses beside them, looked up for this answer by the resolver of the service.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub names: bool,
    /// In which form to answer.
    pub format: ViewFormat,
}

/// Forms of the data of a view.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ViewFormat {
    /// One JSON document.
    #[default]
    Json,
    /// Comma-separated values with a head; the first column is the channel.
    Csv,
}

/// The time of a chapter's data.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ViewParameters {
    /// Begin of the time, as of questions.
    from: Option<String>,
    /// End of the time, not included.
    to: Option<String>,
    /// Instead of both: this long until now.
    #[param(example = "6h")]
    last: Option<String>,
    /// The step of a series, in place of that of the chapter.
    step: String,
    /// Only records for which this holds besides.
    filter: String,
    /// Names of addresses beside them.
    names: bool,
    /// In which form to answer.
    format: ViewFormat,
}

impl ViewParameters {
    /// The data of this chapter.
    pub(super) fn of_chapter(self, id: String) -> AskedView {
        let Self { from, to, last, step, filter, names, format } = self;
        AskedView { chapter: None, id: Some(id), from, to, last, step, filter, names, format }
    }
}

/// Answers a view.
pub(super) async fn answer(shared: Shared, caller: Caller, asked: AskedView) -> Result<Response, Fault> {
    let text = serde_json::to_string(&asked).unwrap_or_default();
    let (known, theirs) = (shared.clone(), caller.clone());
    let view = waiting(move || prepare(&known, &theirs, asked)).await??;
    view_answer::answer(shared, &caller, view, text).await
}

/// From what is asked to its questions.
fn prepare(shared: &Shared, caller: &Caller, asked: AskedView) -> Result<View, Fault> {
    let AskedView { chapter, id, from, to, last, step, filter, names, format } = asked;
    let chapter = match (chapter, id) {
        (Some(chapter), None) => {
            chapter.check_view().map_err(|invalid| within(invalid.into()))?;
            chapter
        }
        (None, Some(id)) => library(shared)?.get::<Chapter>(Asker::of(caller), &id)?.object,
        _ => return Err(Refusal::of("chapter", "expected either a chapter, or the id of one").into()),
    };
    let (profile, scope) = find_profile(shared, caller, &chapter.profile)?;
    let now = now();
    let is_told = from.is_some() || to.is_some() || last.is_some();
    let last = if is_told { last } else { Some(USUAL_LENGTH.to_owned()) };
    let range = Asked { from, to, last, ..Asked::default() }.range(now, &zone())?;
    let (from, to) = match (scope.time, range) {
        (Some(time), _) if !is_told => time,
        (_, (Some(from), to)) => (from, to.unwrap_or(now)),
        (_, (None, _)) => return Err(Refusal::of("from", "a view has a begin: tell `from`, or `last`").into()),
    };
    if to <= from {
        return Err(Refusal::of("to", "the time ends before it begins").into());
    }
    let range = ViewRange { from, to, step: &step, filter: &filter };
    let questions = chapter.questions(&scope, &range)?;
    let channels = |places: &[usize]| {
        let channels = places.iter().filter_map(|place| scope.channels.get(*place));
        channels
            .map(|channel| {
                let ScopeChannel { name, colour, side, part_of, .. } = channel.clone();
                ChannelRow { name, colour, side, part_of }
            })
            .collect()
    };
    let mut parts = Vec::with_capacity(questions.len());
    for question in questions {
        let asked = Asked { names, ..asked_of(&question.text) };
        let checked = Question::new(&question.text).map_err(|error| Fault::from(Refusal::new(error.to_string())))?;
        parts.push(Part { channels: channels(&question.channels), asked, question: checked });
    }
    let profile = ProfileName { id: profile.id, name: profile.object.name };
    Ok(View { kind: chapter.kind, profile, range: (from, to), parts, format })
}

/// The profile of a chapter, and what it comes to.
fn find_profile(shared: &Shared, caller: &Caller, id: &str) -> Result<(Envelope<Profile>, Scope), Fault> {
    if id == ALL_SOURCES {
        let profile = all_sources::profile(shared.door(caller).channels());
        let scope = all_sources::scope(&profile.object)?;
        return Ok((profile, scope));
    }
    let library = library(shared)?;
    let profile = library.get::<Profile>(Asker::of(caller), id)?;
    let scope = library.scope(&profile)?;
    Ok((profile, scope))
}

/// A refusal of a part of the chapter.
fn within(refusal: Refusal) -> Fault {
    let field = refusal.field.map(|field| format!("chapter.{field}"));
    Refusal { field, ..refusal }.into()
}

/// A question as the API takes it.
fn asked_of(text: &QuestionText) -> Asked {
    Asked {
        filter: text.filter.clone(),
        from: text.from.map(moment::text),
        to: text.to.map(moment::text),
        by: text.by.clone(),
        measures: text.measures.clone(),
        sort: text.sort.clone(),
        having: text.having.clone(),
        top: text.top,
        series: text.series.clone(),
        summary: text.summary,
        unscaled: text.unscaled,
        spread: text.spread,
        ..Asked::default()
    }
}
