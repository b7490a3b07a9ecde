//! What a chapter asks: the questions that it comes to over a profile and a time, made in this one way for pages, exports and programs.

use weir_query::{Question, QuestionText};

use super::chapter::{Chapter, ChapterKind, Metric};
use super::profile::{Scope, all_of, any_of, read};
use super::{Invalid, profile::ScopeChannel};

const SECOND: i64 = 1_000_000_000;

/// Slots that a series has at most where no step is told.
const USUAL_SLOTS: i64 = 200;

/// Steps of series where none is told.
const STEPS: [(i64, &str); 11] = [
    (60, "1m"),
    (300, "5m"),
    (900, "15m"),
    (1800, "30m"),
    (3600, "1h"),
    (3 * 3600, "3h"),
    (6 * 3600, "6h"),
    (12 * 3600, "12h"),
    (86_400, "1d"),
    (7 * 86_400, "7d"),
    (28 * 86_400, "28d"),
];

/// A question of a view, and the channels that it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ViewQuestion {
    /// Places of the channels in the profile.
    pub channels: Vec<usize>,
    /// The question.
    pub text: QuestionText,
}

/// What a view is asked for beside its chapter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ViewRange<'a> {
    /// Begin, nanoseconds since 1970.
    pub from: i64,
    /// End, not included.
    pub to: i64,
    /// The step of a series, in place of that of the chapter.
    pub step: &'a str,
    /// A filter besides those of profile and chapter: what somebody drills down to.
    pub filter: &'a str,
}

impl Chapter {
    /// The questions of the chapter over what its profile comes to: one a channel, or one over all of them.
    ///
    /// # Errors
    /// Where a channel that it names is not there, or filters are too much together.
    pub fn questions(&self, scope: &Scope, range: &ViewRange<'_>) -> Result<Vec<ViewQuestion>, Invalid> {
        let chosen = self.chosen(scope)?;
        let own = [read("filter".into(), &self.filter)?, read("filter".into(), range.filter)?];
        let filter =
            |of_channels: &str| all_of("filter".into(), std::iter::once(of_channels.to_owned()).chain(own.iter().cloned()));
        let mut question = self.text()?;
        (question.from, question.to) = (Some(range.from), Some(range.to));
        if let Some((first, last)) = scope.time {
            let beyond = || Invalid::new("from", "the profile is of a fixed time, and nothing of it is in the time asked for");
            (question.from, question.to) = (Some(range.from.max(first)), Some(range.to.min(last)));
            (question.from < question.to).then_some(()).ok_or_else(beyond)?;
        }
        if self.kind.has_steps() {
            let told = [range.step, &self.step].into_iter().find(|step| !step.trim().is_empty());
            let length = question.to.unwrap_or(i64::MAX).saturating_sub(question.from.unwrap_or(i64::MIN));
            question.series = told.unwrap_or_else(|| usual_step(length)).to_owned();
        }
        let of_channels = |channels: Vec<usize>, filter| {
            let text = QuestionText { filter, ..question.clone() };
            Question::new(&text).map_err(|error| self.misfit(error))?;
            Ok(ViewQuestion { channels, text })
        };
        if self.kind.is_per_channel() {
            return chosen.into_iter().map(|(place, channel)| of_channels(vec![place], filter(&channel.filter)?)).collect();
        }
        let places = chosen.iter().map(|(place, _)| *place).collect();
        let is_everything = scope.is_everything && chosen.len() == scope.channels.len();
        let together = if is_everything {
            String::new()
        } else {
            any_of("channels".into(), chosen.iter().map(|(_, channel)| &channel.filter))?
        };
        Ok(vec![of_channels(places, filter(&together)?)?])
    }

    /// The channels that it shows, by place.
    fn chosen<'a>(&self, scope: &'a Scope) -> Result<Vec<(usize, &'a ScopeChannel)>, Invalid> {
        let all = || scope.channels.iter().enumerate();
        if self.channels.is_empty() {
            return Ok(all().collect());
        }
        let find = |(place, name): (usize, &String)| {
            all()
                .find(|(_, channel)| channel.name == *name)
                .ok_or_else(|| Invalid::new(format!("channels[{place}]"), format!("the profile has no channel `{name}`")))
        };
        self.channels.iter().enumerate().map(find).collect()
    }

    /// Whether the parts that the query language reads can be read and go together.
    pub(super) fn check_question(&self) -> Result<(), Invalid> {
        let mut text = self.text()?;
        read("filter".into(), &self.filter)?;
        if self.kind.has_steps() {
            text.series = if self.step.trim().is_empty() { "1h".into() } else { self.step.clone() };
        }
        Question::new(&text).map(drop).map_err(|error| self.misfit(error))
    }

    /// The question without filter, time and step.
    fn text(&self) -> Result<QuestionText, Invalid> {
        let by = if self.has_usual_key() { "country".to_owned() } else { self.by.trim().to_owned() };
        let top = self.top.or(self.kind.usual_top()).filter(|_| !by.is_empty());
        let metrics = self.metrics()?;
        let measures = match self.measures.trim() {
            _ if !metrics.is_empty() => metrics.iter().map(|metric| metric.measures()).collect::<Vec<_>>().join(", "),
            "" => self.kind.usual_measures().to_owned(),
            told => told.to_owned(),
        };
        let (sort, unscaled) = (self.sort.clone(), self.unscaled);
        let summary = self.kind == ChapterKind::Value;
        // So that a list has what the chart beside it has, and can be answered from the same sums.
        let spread = !self.kind.has_steps();
        Ok(QuestionText { by, top, measures, sort, unscaled, summary, spread, ..QuestionText::default() })
    }

    /// An error of the question, told of the field of the chapter.
    fn misfit(&self, error: weir_query::QuestionError) -> Invalid {
        let field = if error.part == "series" { "step" } else { error.part };
        Invalid::of_question(field.into(), error)
    }
}

impl ChapterKind {
    const fn usual_measures(self) -> &'static str {
        match self {
            Self::TimeSeries | Self::Value => "bps",
            Self::Top | Self::Table => "bytes, packets, flows",
            Self::Pie | Self::Sankey | Self::HeatMap | Self::WorldMap => "bytes",
            Self::Performance => "",
        }
    }
}

impl Metric {
    const fn measures(self) -> &'static str {
        match self {
            Self::Rtt => "rtt p50, rtt p95, rtt p99",
            Self::Srt => "srt p50, srt p95, srt p99",
            Self::Retransmissions => "retransmissions, packets",
            Self::Jitter => "jitter_avg p50, jitter_avg p95, jitter_avg p99",
        }
    }
}

/// A step that parts so long a time into slots that can be told apart on a screen.
fn usual_step(length: i64) -> &'static str {
    let fits = |(seconds, _): &&(i64, &str)| length / (seconds * SECOND) <= USUAL_SLOTS;
    STEPS.iter().find(fits).or(STEPS.last()).map_or("1d", |(_, step)| step)
}
