//! The model: what is refused, and what chapters ask.

use weir_query::Question;

use super::chapter::ChapterKind;
use super::questions::ViewRange;
use super::*;

const HOUR: i64 = 3_600_000_000_000;

fn channel(name: &str, filter: &str) -> Channel {
    Channel { name: name.into(), colour: String::new(), filter: filter.into(), side: Side::Above, part_of: String::new() }
}

fn profile(channels: Vec<Channel>) -> Profile {
    Profile { name: "web".into(), channels, ..Profile::default() }
}

fn range() -> ViewRange<'static> {
    ViewRange { from: 0, to: HOUR, ..ViewRange::default() }
}

#[test]
fn a_profile_is_refused_by_field() {
    let well = profile(vec![channel("https", "port 443"), channel("rest", "")]);
    assert_eq!(well.check(), Ok(()));
    let mut parted = well.clone();
    parted.channels[0].part_of = "rest".into();
    assert_eq!(parted.check(), Ok(()));
    assert_eq!(parted.scope(&[]).unwrap().channels[0].part_of, "rest");
    let field = |change: &dyn Fn(&mut Profile)| {
        let mut ill = well.clone();
        change(&mut ill);
        ill.check().unwrap_err().field
    };
    assert_eq!(field(&|profile| profile.name = " ".into()), "name");
    assert_eq!(field(&|profile| profile.name = "x".repeat(MAX_NAME + 1)), "name");
    assert_eq!(field(&|profile| profile.group = "a\nb".into()), "group");
    assert_eq!(field(&|profile| profile.description = "x".repeat(MAX_DESCRIPTION + 1)), "description");
    assert_eq!(field(&|profile| profile.channels.clear()), "channels");
    assert_eq!(
        field(&|profile| profile.channels = (0..=MAX_CHANNELS).map(|number| channel(&number.to_string(), "")).collect()),
        "channels"
    );
    assert_eq!(field(&|profile| profile.channels[1].name = "https".into()), "channels[1].name");
    assert_eq!(field(&|profile| profile.channels[1].colour = "red".into()), "channels[1].colour");
    assert_eq!(field(&|profile| profile.channels[1].colour = "#12345".into()), "channels[1].colour");
    assert_eq!(field(&|profile| profile.channels[1].part_of = "http".into()), "channels[1].part_of");
    assert_eq!(field(&|profile| profile.channels[1].part_of = "rest".into()), "channels[1].part_of", "of itself");
    assert_eq!(
        field(&|profile| {
            profile.channels[0].part_of = "rest".into();
            profile.channels[1].part_of = "https".into();
        }),
        "channels[0].part_of",
        "of a part"
    );
    assert_eq!(
        field(&|profile| {
            profile.channels[0].part_of = "rest".into();
            profile.channels[0].side = Side::Below;
        }),
        "channels[0].part_of",
        "of the other side"
    );
    let time = |from: &str, to: &str| Some(PastRange { from: from.into(), to: to.into() });
    assert_eq!(field(&|profile| profile.time = time("yesterday", "2026-03-02T09:00:00Z")), "time.from");
    assert_eq!(field(&|profile| profile.time = time("2026-03-02T09:00:00Z", "2026-03-02T09:00:00Z")), "time.to");
    let mut ill = well.clone();
    ill.channels[1].filter = "prot tcp".into();
    let error = ill.check().unwrap_err();
    assert_eq!((error.field.as_str(), error.place.unwrap().position), ("channels[1].filter", 0));
}

#[test]
fn names_and_channels_may_be_as_many_as_the_limits_say() {
    let mut most = profile((0..MAX_CHANNELS).map(|number| channel(&number.to_string(), "")).collect());
    most.name = "ä".repeat(MAX_NAME);
    most.description = "x".repeat(MAX_DESCRIPTION);
    assert_eq!(most.check(), Ok(()));
}

#[test]
fn a_channel_holds_within_all_profiles_above() {
    let top = profile(vec![channel("a", "src ip 10.0.0.1"), channel("b", "src ip 10.0.0.2")]);
    let middle = profile(vec![channel("tcp", "proto tcp")]);
    let scope = profile(vec![channel("https", "port 443"), channel("all", "")]).scope(&[&middle, &top]).unwrap();
    let filters: Vec<&str> = scope.channels.iter().map(|channel| channel.filter.as_str()).collect();
    let parsed = |text: &str| weir_query::Filter::parse(text).unwrap().to_string();
    assert_eq!(
        filters,
        [
            parsed("(port 443) and (proto tcp) and ((src ip 10.0.0.1) or (src ip 10.0.0.2))"),
            parsed("(proto tcp) and ((src ip 10.0.0.1) or (src ip 10.0.0.2))")
        ]
    );
    assert!(!scope.is_everything);
    assert!(profile(vec![channel("all", "any")]).scope(&[]).unwrap().is_everything);
    let parents = vec![&top; MAX_PARENTS + 1];
    assert_eq!(middle.scope(&parents).unwrap_err().field, "parent");
    assert!(middle.scope(&parents[1..]).is_ok());
}

#[test]
fn a_profile_of_the_past_cuts_what_is_asked_for() {
    let time = |from: &str, to: &str| Some(PastRange { from: from.into(), to: to.into() });
    let outer = Profile { time: time("1970-01-01T00:10:00Z", "1970-01-01T00:50:00Z"), ..profile(vec![channel("a", "")]) };
    let inner = Profile { time: time("1970-01-01T00:00:00Z", "1970-01-01T00:30:00Z"), ..outer.clone() };
    let scope = inner.scope(&[&outer]).unwrap();
    let asked = Chapter { step: "1m".into(), ..Chapter::of(ChapterKind::TimeSeries) }.questions(&scope, &range()).unwrap();
    assert_eq!((asked[0].text.from, asked[0].text.to), (Some(HOUR / 6), Some(HOUR / 2)));
    let late = ViewRange { from: HOUR, to: 2 * HOUR, ..ViewRange::default() };
    assert_eq!(Chapter::of(ChapterKind::Value).questions(&scope, &late).unwrap_err().field, "from");
}

#[test]
fn each_kind_asks_what_it_shows() {
    let scope = profile(vec![channel("a", "port 443"), channel("b", "port 80")]).scope(&[]).unwrap();
    let chapter = |kind, by: &str| Chapter { by: by.into(), filter: "proto tcp".into(), ..Chapter::of(kind) };
    let asked = |kind, by: &str| {
        let chapter = chapter(kind, by);
        chapter.check_view().unwrap();
        chapter.questions(&scope, &range()).unwrap()
    };
    let per_channel = asked(ChapterKind::TimeSeries, "");
    assert_eq!(per_channel.iter().map(|question| question.channels.clone()).collect::<Vec<_>>(), [[0], [1]]);
    assert_eq!(per_channel[0].text.series, "1m");
    assert_eq!(per_channel[1].text.filter, weir_query::Filter::parse("(port 80) and (proto tcp)").unwrap().to_string());
    let together = asked(ChapterKind::Top, "src_addr");
    assert_eq!((together.len(), together[0].text.top), (1, Some(10)));
    assert_eq!(
        together[0].text.filter,
        weir_query::Filter::parse("((port 443) or (port 80)) and (proto tcp)").unwrap().to_string()
    );
    assert!(asked(ChapterKind::Value, "")[0].text.summary);
    assert_eq!(asked(ChapterKind::WorldMap, "")[0].text.by, "country");
    assert_eq!(asked(ChapterKind::HeatMap, "app")[0].text.series, "1m");
    assert_eq!(asked(ChapterKind::Sankey, "src_addr, app, dst_addr")[0].text.top, Some(50));
    assert!(asked(ChapterKind::Performance, "")[0].text.measures.contains("srt p95"));
    let drilled = ViewRange { filter: "ip 10.0.0.1", step: "5m", ..range() };
    let drilled = chapter(ChapterKind::TimeSeries, "").questions(&scope, &drilled).unwrap();
    assert_eq!(drilled[0].text.series, "5m");
    assert_eq!(
        drilled[0].text.filter,
        weir_query::Filter::parse("(port 443) and (proto tcp) and (ip 10.0.0.1)").unwrap().to_string()
    );
}

#[test]
fn all_channels_of_everything_need_no_filter() {
    let mut scope = profile(vec![channel("a", "exporter 192.0.2.1"), channel("b", "exporter 192.0.2.2")]).scope(&[]).unwrap();
    scope.is_everything = true;
    let top = Chapter { by: "src_addr".into(), ..Chapter::of(ChapterKind::Top) };
    assert_eq!(top.questions(&scope, &range()).unwrap()[0].text.filter, "");
    let some = Chapter { channels: vec!["b".into()], ..top.clone() };
    assert_eq!(some.questions(&scope, &range()).unwrap()[0].text.filter, "exporter = 192.0.2.2");
    let gone = Chapter { channels: vec!["b".into(), "c".into()], ..top };
    assert_eq!(gone.questions(&scope, &range()).unwrap_err().field, "channels[1]");
}

#[test]
fn a_chapter_is_refused_by_field() {
    use ChapterKind::*;
    let field = |kind, change: &dyn Fn(&mut Chapter)| {
        let mut chapter = Chapter { name: "c".into(), ..Chapter::of(kind) };
        change(&mut chapter);
        chapter.check().map_or_else(|error| error.field, |()| "none".into())
    };
    assert_eq!(field(Top, &|_| {}), "by");
    assert_eq!(field(Top, &|chapter| chapter.by = "src_addr".into()), "none");
    assert_eq!(field(Top, &|chapter| chapter.by = "src_adr".into()), "by");
    assert_eq!(field(Pie, &|chapter| chapter.by = "src_addr, app".into()), "by");
    assert_eq!(field(Sankey, &|chapter| chapter.by = "src_addr".into()), "by");
    assert_eq!(field(Value, &|chapter| chapter.by = "src_addr".into()), "by");
    assert_eq!(field(WorldMap, &|chapter| chapter.by = "app".into()), "by");
    assert_eq!(field(Value, &|chapter| chapter.top = Some(3)), "top");
    assert_eq!(field(TimeSeries, &|chapter| chapter.top = Some(3)), "top");
    assert_eq!(field(WorldMap, &|chapter| chapter.top = Some(1001)), "top");
    assert_eq!(field(WorldMap, &|chapter| chapter.top = Some(1000)), "none");
    assert_eq!(field(Value, &|chapter| chapter.step = "5m".into()), "step");
    assert_eq!(field(TimeSeries, &|chapter| chapter.step = "5 apples".into()), "step");
    assert_eq!(field(TimeSeries, &|chapter| chapter.measures = "bpz".into()), "measures");
    assert_eq!(field(Performance, &|chapter| chapter.measures = "rtt, bytes".into()), "measures");
    assert_eq!(field(Performance, &|chapter| chapter.measures = "rtt, rtt".into()), "measures");
    assert_eq!(field(Performance, &|chapter| chapter.measures = "rtt".into()), "none");
    assert_eq!(field(TimeSeries, &|chapter| chapter.filter = "port".into()), "filter");
    assert_eq!(field(TimeSeries, &|chapter| chapter.name.clear()), "name");
    assert_eq!(field(TimeSeries, &|chapter| chapter.channels = vec!["a".into(), "a".into()]), "channels[1]");
    let many = |count: usize| (0..count).map(|number| number.to_string()).collect::<Vec<_>>();
    assert_eq!(field(TimeSeries, &|chapter| chapter.channels = many(MAX_CHANNELS + 1)), "channels");
    assert_eq!(field(TimeSeries, &|chapter| chapter.channels = many(MAX_CHANNELS)), "none");
}

#[test]
fn a_dashboard_is_refused_by_field() {
    let widget = Widget { chapter: "c-1".into(), title: String::new(), x: 0, y: 0, w: 6, h: 4 };
    let well = Dashboard { name: "d".into(), widgets: vec![widget.clone(); MAX_WIDGETS], ..Dashboard::default() };
    assert_eq!(well.check(), Ok(()));
    let field = |change: &dyn Fn(&mut Dashboard)| {
        let mut ill = well.clone();
        change(&mut ill);
        ill.check().unwrap_err().field
    };
    assert_eq!(field(&|dashboard| dashboard.widgets.push(widget.clone())), "widgets");
    assert_eq!(field(&|dashboard| dashboard.widgets[1].w = 13), "widgets[1].w");
    assert_eq!(field(&|dashboard| dashboard.widgets[1].x = 7), "widgets[1].x");
    assert_eq!(field(&|dashboard| dashboard.widgets[1].h = 0), "widgets[1].h");
    assert_eq!(field(&|dashboard| dashboard.widgets[1].y = 501), "widgets[1].y");
    assert_eq!(field(&|dashboard| dashboard.time.last = Some("soon".into())), "time.last");
    assert_eq!(field(&|dashboard| dashboard.time.last = None), "time");
    assert_eq!(field(&|dashboard| dashboard.time.from = Some("2026-03-02T09:00:00Z".into())), "time");
}

#[test]
fn a_service_has_a_channel_a_side_and_one_a_server() {
    let server = |name: &str, address: &str| Server { name: name.into(), address: address.parse().unwrap(), port: 8080 };
    let recipe = ServiceRecipe {
        name: "shop".into(),
        client: Endpoint { address: "203.0.113.10".parse().unwrap(), port: 443 },
        inner: "10.0.0.2".parse().unwrap(),
        servers: vec![server("web1", "10.0.1.11"), server("", "10.0.1.12")],
        clients: "not net 10.0.0.0/8".into(),
        source_group: String::new(),
        shared: true,
        series: Keeping::Stored,
    };
    let view = recipe.view().unwrap();
    let names: Vec<&str> = view.profile.channels.iter().map(|channel| channel.name.as_str()).collect();
    assert_eq!(names, ["client side", "server side", "web1", "10.0.1.12 port 8080"]);
    let wholes: Vec<&str> = view.profile.channels.iter().map(|channel| channel.part_of.as_str()).collect();
    assert_eq!(wholes, ["", "", "server side", "server side"]);
    assert_eq!(view.dashboard.check(), Ok(()));
    let scope = view.profile.scope(&[]).unwrap();
    for chapter in &view.chapters {
        assert_eq!(chapter.check(), Ok(()), "{}", chapter.name);
        for question in chapter.questions(&scope, &range()).unwrap() {
            Question::new(&question.text).unwrap();
        }
    }
    // Units of a pair take over from each other, so the group is asked for, whatever it is called.
    let pair = ServiceRecipe { source_group: "the \"pair\" \\ 1".into(), ..recipe.clone() }.view().unwrap();
    for (channel, own) in pair.profile.scope(&[]).unwrap().channels.iter().zip(&scope.channels) {
        let expected = format!("source_group = \"the \\\"pair\\\" \\\\ 1\" and ({})", own.filter);
        assert_eq!(channel.filter, weir_query::Filter::parse(&expected).unwrap().to_string());
    }
    let refused = |change: &dyn Fn(&mut ServiceRecipe)| {
        let mut ill = recipe.clone();
        change(&mut ill);
        ill.view().unwrap_err().field
    };
    assert_eq!(refused(&|recipe| recipe.servers.clear()), "servers");
    assert_eq!(refused(&|recipe| recipe.servers[1].name = "web1".into()), "servers[1].name");
    assert_eq!(refused(&|recipe| recipe.clients = "nonsense".into()), "clients");
    assert_eq!(refused(&|recipe| recipe.source_group = "x".repeat(MAX_NAME + 1)), "source_group");
    let many = |count: usize| (0..count).map(|number| server(&number.to_string(), "10.0.1.11")).collect::<Vec<_>>();
    assert_eq!(refused(&|recipe| recipe.servers = many(MAX_SERVERS + 1)), "servers");
    assert!(ServiceRecipe { servers: many(MAX_SERVERS), ..recipe }.view().is_ok());
}

#[test]
fn what_is_there_from_the_start_makes_sense() {
    let chapters = ready::chapters();
    let scope = profile(vec![channel("all", "")]).scope(&[]).unwrap();
    for (id, chapter) in &chapters {
        assert_eq!(chapter.check(), Ok(()), "{id}");
        assert!(!chapter.questions(&scope, &range()).unwrap().is_empty(), "{id}");
    }
    let dashboards = ready::dashboards();
    assert_eq!(
        dashboards.iter().map(|(id, _)| id.as_str()).collect::<Vec<_>>(),
        ["overview", "performance", "applications", "sources", "security"]
    );
    for (id, dashboard) in &dashboards {
        assert_eq!(dashboard.check(), Ok(()), "{id}");
        for (place, widget) in dashboard.widgets.iter().enumerate() {
            assert!(chapters.iter().any(|(id, _)| *id == widget.chapter), "{id}: {}", widget.chapter);
            let overlaps = |other: &Widget| {
                widget.x < other.x + other.w
                    && other.x < widget.x + widget.w
                    && widget.y < other.y + other.h
                    && other.y < widget.y + widget.h
            };
            assert!(!dashboard.widgets[..place].iter().any(overlaps), "{id}: {}", widget.chapter);
        }
    }
}

#[test]
fn a_step_suits_the_time() {
    let scope = profile(vec![channel("all", "")]).scope(&[]).unwrap();
    let step = |hours: i64| {
        let range = ViewRange { from: 0, to: hours * HOUR, ..ViewRange::default() };
        Chapter::of(ChapterKind::TimeSeries).questions(&scope, &range).unwrap().remove(0).text.series
    };
    assert_eq!([1, 12, 24, 7 * 24, 365 * 24, 24 * 365 * 9].map(step), ["1m", "5m", "15m", "1h", "7d", "28d"]);
}

#[test]
fn the_model_is_plain_json() {
    let profile: Profile = serde_json::from_str(
        r#"{"name":"Web","series":"stored","channels":[{"name":"HTTPS","filter":"port 443","side":"below"}]}"#,
    )
    .unwrap();
    assert_eq!((profile.series, profile.channels[0].side), (Keeping::Stored, Side::Below));
    assert!(serde_json::from_str::<Profile>(r#"{"name":"Web","chanels":[]}"#).is_err());
    let chapter: Chapter = serde_json::from_str(r#"{"kind":"world_map"}"#).unwrap();
    assert_eq!((chapter.kind, chapter.profile.as_str()), (ChapterKind::WorldMap, "all-sources"));
    let dashboard: Dashboard = serde_json::from_str(r#"{"name":"d"}"#).unwrap();
    assert_eq!(dashboard.time.last.as_deref(), Some("1h"));
}
