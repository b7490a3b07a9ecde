//! Dashboards: chapters side by side.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use weir_query::{Question, QuestionText};

use super::profile::PastRange;
use super::text::{check_description, check_line, check_name};
use super::{Invalid, MAX_WIDGETS};

/// Columns of the grid.
pub const COLUMNS: u32 = 12;
/// Rows of a widget.
pub const MAX_HEIGHT: u32 = 24;
/// The row in which the lowest widget begins.
pub const MAX_ROW: u32 = 500;

/// Chapters side by side, over one time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Dashboard {
    /// What it is called.
    pub name: String,
    /// What it is for.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Others see it too.
    #[serde(default)]
    pub shared: bool,
    /// The time that it shows at first.
    #[serde(default)]
    pub time: DashboardTime,
    /// What stands on it.
    #[serde(default)]
    pub widgets: Vec<Widget>,
}

/// A time that goes with the clock, or a fixed one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DashboardTime {
    /// So long until now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "6h")]
    pub last: Option<String>,
    /// Begin of a fixed time, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

/// A chapter and its place on the grid of 12 columns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Widget {
    /// Which chapter.
    pub chapter: String,
    /// Words above it in place of the chapter's name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// First column, from 0.
    pub x: u32,
    /// First row, from 0.
    pub y: u32,
    /// Columns.
    pub w: u32,
    /// Rows.
    pub h: u32,
}

impl Default for DashboardTime {
    fn default() -> Self {
        Self { last: Some("1h".into()), from: None, to: None }
    }
}

impl Dashboard {
    /// Whether all of it makes sense by itself.
    ///
    /// # Errors
    /// The first field that does not, and why.
    pub fn check(&self) -> Result<(), Invalid> {
        check_name("name", &self.name)?;
        check_description("description", &self.description)?;
        self.time.check()?;
        if self.widgets.len() > MAX_WIDGETS {
            return Err(Invalid::new("widgets", format!("{} widgets, at most {MAX_WIDGETS} have room", self.widgets.len())));
        }
        self.widgets.iter().enumerate().try_for_each(|(place, widget)| widget.check(place))
    }
}

impl DashboardTime {
    fn check(&self) -> Result<(), Invalid> {
        match (&self.last, &self.from, &self.to) {
            (Some(last), None, None) => {
                // A step of a series is a duration as well.
                let text = QuestionText { series: last.clone(), ..QuestionText::default() };
                let is_told = !last.trim().is_empty() && Question::new(&text).is_ok();
                let wrong = || Invalid::new("time.last", format!("`{last}` is no duration such as `1h`"));
                is_told.then_some(()).ok_or_else(wrong)
            }
            (None, Some(from), Some(to)) => PastRange { from: from.clone(), to: to.clone() }.nanoseconds().map(drop),
            _ => Err(Invalid::new("time", "expected either `last`, or `from` and `to`")),
        }
    }
}

impl Widget {
    fn check(&self, place: usize) -> Result<(), Invalid> {
        let field = |part: &str| format!("widgets[{place}].{part}");
        check_name(&field("chapter"), &self.chapter)?;
        check_line(&field("title"), &self.title)?;
        let within = |part: &str, value: u32, least: u32, most: u32| {
            let wrong = || Invalid::new(field(part), format!("{value}, expected {least} to {most}"));
            (least..=most).contains(&value).then_some(()).ok_or_else(wrong)
        };
        within("w", self.w, 1, COLUMNS)?;
        within("x", self.x, 0, COLUMNS - self.w)?;
        within("h", self.h, 1, MAX_HEIGHT)?;
        within("y", self.y, 0, MAX_ROW)
    }
}
