//! Chapters and dashboards that are there from the start. Whatever of them can be is asked so that continuous series answer it.

use super::chapter::{Chapter, ChapterKind};
use super::{Dashboard, DashboardTime, Widget};

/// Ids and chapters that are there from the start.
pub fn chapters() -> Vec<(String, Chapter)> {
    PAGES.iter().flat_map(|page| page.views.iter().map(|view| (page.id_of(view), view.chapter()))).collect()
}

/// Ids and dashboards that are there from the start.
pub fn dashboards() -> Vec<(String, Dashboard)> {
    PAGES.iter().map(|page| (page.id.to_owned(), page.dashboard())).collect()
}

/// A dashboard, and what stands on it.
struct Page {
    id: &'static str,
    name: &'static str,
    description: &'static str,
    views: &'static [View],
}

/// A chapter and its place.
struct View {
    id: &'static str,
    name: &'static str,
    kind: ChapterKind,
    by: &'static str,
    measures: &'static str,
    sort: &'static str,
    filter: &'static str,
    /// x, y, w, h.
    place: (u32, u32, u32, u32),
}

/// A view that is sorted as usual, of every record.
const fn view(
    id: &'static str,
    name: &'static str,
    kind: ChapterKind,
    by: &'static str,
    measures: &'static str,
    place: (u32, u32, u32, u32),
) -> View {
    View { id, name, kind, by, measures, sort: "", filter: "", place }
}

impl View {
    const fn sorted(self, sort: &'static str) -> Self {
        Self { sort, ..self }
    }

    const fn of(self, filter: &'static str) -> Self {
        Self { filter, ..self }
    }

    fn chapter(&self) -> Chapter {
        Chapter {
            name: self.name.into(),
            shared: true,
            filter: self.filter.into(),
            by: self.by.into(),
            measures: self.measures.into(),
            sort: self.sort.into(),
            ..Chapter::of(self.kind)
        }
    }
}

impl Page {
    fn id_of(&self, view: &View) -> String {
        format!("{}-{}", self.id, view.id)
    }

    fn dashboard(&self) -> Dashboard {
        let widget = |view: &View| {
            let (x, y, w, h) = view.place;
            Widget { chapter: self.id_of(view), title: String::new(), x, y, w, h }
        };
        Dashboard {
            name: self.name.into(),
            description: self.description.into(),
            shared: true,
            time: DashboardTime::default(),
            widgets: self.views.iter().map(widget).collect(),
        }
    }
}

use ChapterKind::{HeatMap, Performance, Pie, Sankey, Table, TimeSeries, Top, WorldMap};

const PAGES: [Page; 5] = [
    Page {
        id: "overview",
        name: "Overview",
        description: "How much, from whom, to whom, of what.",
        views: &[
            view("traffic", "Traffic by source", TimeSeries, "", "bps", (0, 0, 8, 5)),
            view("protocols", "Protocols", Pie, "protocol", "bytes", (8, 0, 4, 5)),
            view("senders", "Top senders", Top, "src_addr", "bytes, bps", (0, 5, 4, 5)),
            view("receivers", "Top receivers", Top, "dst_addr", "bytes, bps", (4, 5, 4, 5)),
            view("applications", "Top applications", Top, "application", "bytes, connections", (8, 5, 4, 5)),
            view("countries", "Where traffic comes from", WorldMap, "src_country", "bytes", (0, 10, 12, 6)),
        ],
    },
    Page {
        id: "performance",
        name: "Performance",
        description: "Round-trip and response times, retransmissions and jitter.",
        views: &[
            view("times", "Network and servers", Performance, "", "rtt, srt, retransmissions", (0, 0, 8, 6)),
            // Records alone know of jitter.
            view("jitter", "Jitter", Performance, "", "jitter", (8, 0, 4, 6)),
            view(
                "servers",
                "Slowest servers",
                Table,
                "server ip, server port",
                "srt p95, srt p50, rtt p95, retransmissions, connections",
                (0, 6, 7, 6),
            )
            .of("srt > 0"),
            view(
                "clients",
                "Clients with most retransmissions",
                Top,
                "client ip",
                "retransmissions, packets, rtt p95",
                (7, 6, 5, 6),
            )
            .sorted("retransmissions")
            .of("retransmissions > 0"),
            view("applications", "Response times by application", HeatMap, "application", "srt p95", (0, 12, 12, 5)),
        ],
    },
    Page {
        id: "applications",
        name: "Applications",
        description: "What the network is used for.",
        views: &[
            view("traffic", "Traffic by application", TimeSeries, "application", "bps", (0, 0, 8, 5)),
            view("shares", "Shares", Pie, "application", "bytes", (8, 0, 4, 5)),
            view("flows", "Who uses what", Sankey, "src_addr/24, application, dst_addr/24", "bytes", (0, 5, 12, 6)),
            view(
                "table",
                "Applications",
                Table,
                "application",
                "bytes, packets, connections, retransmissions, rtt p95, srt p95",
                (0, 11, 7, 6),
            ),
            view("ports", "Services by port", Top, "protocol, server port", "bytes, connections", (7, 11, 5, 6)),
        ],
    },
    Page {
        id: "sources",
        name: "Sources",
        description: "What each exporter tells, and through which interfaces it goes.",
        views: &[
            view("traffic", "Traffic by source", TimeSeries, "", "bps, flows", (0, 0, 12, 5)),
            view("table", "Sources", Table, "exporter", "bytes, packets, flows, samples, bps", (0, 5, 6, 5)),
            view("interfaces", "Busiest interfaces", Top, "exporter, in_if", "bytes, packets, bps", (6, 5, 6, 5)),
            view("flows", "From interface to interface", Sankey, "in_if, exporter, out_if", "bytes", (0, 10, 12, 6)),
        ],
    },
    Page {
        id: "security",
        name: "Security",
        description: "Who knocks on many doors, and what is refused.",
        views: &[
            view(
                "ports",
                "Hosts that try most ports",
                Top,
                "src_addr",
                "distinct(dst_port), flows, distinct(dst_addr)",
                (0, 0, 6, 5),
            )
            .sorted("distinct(dst_port)")
            .of("proto tcp and flags S and not flags A"),
            view(
                "hosts",
                "Hosts that try most hosts",
                Top,
                "src_addr",
                "distinct(dst_addr), flows, distinct(dst_port)",
                (6, 0, 6, 5),
            )
            .sorted("distinct(dst_addr)")
            .of("proto tcp and flags S and not flags A"),
            view("unanswered", "Connections without an answer", TimeSeries, "", "flows", (0, 5, 8, 5))
                .of("proto tcp and flags S and not flags A"),
            view("knockers", "Who tries in vain", Top, "src_addr", "flows, distinct(dst_addr)", (8, 5, 4, 5))
                .sorted("flows")
                .of("proto tcp and flags S and not flags A"),
            view("resolvers", "Name servers in use", Top, "server ip", "connections, distinct(client ip)", (0, 10, 6, 5))
                .sorted("connections")
                .of("dst port 53"),
            view("countries", "Where connections go", WorldMap, "dst_country", "bytes", (6, 10, 6, 5)),
        ],
    },
];
