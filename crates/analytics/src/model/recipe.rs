//! A service behind a load balancer: from its addresses to its profile and dashboard.
//!
//! A load balancer measures on both of its sides, so one proxied connection is two flows that have nothing in common: one between client and service, one between the
//! inner address and a server. The profile has a channel for the client side, one for the server side, and one for each server, so that what is slow shows where.

use std::collections::HashSet;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::chapter::{Chapter, ChapterKind};
use super::profile::{Channel, Keeping, Profile, Side, colour_of, read};
use super::text::{check_line, check_name};
use super::{Dashboard, DashboardTime, Invalid, MAX_SERVERS, Widget};

/// The channel between clients and the service.
pub const CLIENT_SIDE: &str = "client side";
/// The channel between the load balancer and the servers.
pub const SERVER_SIDE: &str = "server side";

/// A service behind a load balancer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ServiceRecipe {
    /// What it is called.
    pub name: String,
    /// Where clients find it.
    pub client: Endpoint,
    /// The address from which the load balancer talks to servers.
    #[schema(value_type = String, example = "10.0.0.2")]
    pub inner: IpAddr,
    /// The servers.
    pub servers: Vec<Server>,
    /// Which clients: a filter; all of them without it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schema(example = "not net 10.0.0.0/8")]
    pub clients: String,
    /// The group of the units that measure it, one of which does at a time; every source without it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schema(example = "lb-pair")]
    pub source_group: String,
    /// Others see it too.
    #[serde(default)]
    pub shared: bool,
    /// Whether sums of the channels are kept.
    #[serde(default)]
    pub series: Keeping,
}

/// An address and a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Endpoint {
    /// The address.
    #[schema(value_type = String, example = "203.0.113.10")]
    pub address: IpAddr,
    /// The port.
    pub port: u16,
}

/// A server behind the load balancer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// What it is called; without it by its address and port.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Its address.
    #[schema(value_type = String, example = "10.0.1.11")]
    pub address: IpAddr,
    /// Its port.
    pub port: u16,
}

/// What a recipe makes. Chapters name no profile and widgets no chapters yet: who keeps them gives them ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceView {
    /// The profile.
    pub profile: Profile,
    /// The chapters.
    pub chapters: Vec<Chapter>,
    /// The dashboard; its widgets name chapters by their place, from 0.
    pub dashboard: Dashboard,
}

impl ServiceRecipe {
    /// The profile, chapters and dashboard of the service.
    ///
    /// # Errors
    /// The first field that makes no sense, and why.
    pub fn view(&self) -> Result<ServiceView, Invalid> {
        check_name("name", &self.name)?;
        let profile = self.profile()?;
        profile.check()?;
        let chapters = self.chapters();
        let dashboard = self.dashboard(&chapters);
        Ok(ServiceView { profile, chapters, dashboard })
    }

    fn profile(&self) -> Result<Profile, Invalid> {
        if self.servers.is_empty() || self.servers.len() > MAX_SERVERS {
            return Err(Invalid::new("servers", format!("{} servers, expected 1 to {MAX_SERVERS}", self.servers.len())));
        }
        check_line("source_group", &self.source_group)?;
        let clients = read("clients".into(), &self.clients)?;
        let service = end(self.client.address, self.client.port);
        let client_side = if clients.is_empty() { service } else { format!("({clients}) and ({service})") };
        let inner = format!("ip {}", self.inner);
        let of_server = |server: &Server| format!("{inner} and ({})", end(server.address, server.port));
        let ends: Vec<String> = self.servers.iter().map(|server| end(server.address, server.port)).collect();
        let channel = |name: &str, filter: String, part_of: &str, place: usize| Channel {
            name: name.into(),
            colour: colour_of(place),
            filter: self.measured(&filter),
            side: Side::Above,
            part_of: part_of.into(),
        };
        let server_side = format!("{inner} and ({})", ends.join(" or "));
        let mut channels = vec![channel(CLIENT_SIDE, client_side, "", 0), channel(SERVER_SIDE, server_side, "", 1)];
        let mut names = HashSet::from([CLIENT_SIDE.to_owned(), SERVER_SIDE.to_owned()]);
        for (place, server) in self.servers.iter().enumerate() {
            let name = server.called();
            check_name(&format!("servers[{place}].name"), &name)?;
            if !names.insert(name.clone()) {
                return Err(Invalid::new(
                    format!("servers[{place}].name"),
                    format!("`{name}` is the name of another channel already"),
                ));
            }
            channels.push(channel(&name, of_server(server), SERVER_SIDE, place + 2));
        }
        Ok(Profile {
            name: self.name.clone(),
            description: format!("Service at {} port {}, behind {}", self.client.address, self.client.port, self.inner),
            group: "Services".into(),
            shared: self.shared,
            series: self.series,
            channels,
            ..Profile::default()
        })
    }

    /// Of the records that this filter selects, those of the group.
    fn measured(&self, filter: &str) -> String {
        match self.source_group.as_str() {
            "" => filter.to_owned(),
            group => format!("source_group = \"{}\" and ({filter})", group.replace('\\', "\\\\").replace('"', "\\\"")),
        }
    }

    fn chapters(&self) -> Vec<Chapter> {
        let sides = || vec![CLIENT_SIDE.to_owned(), SERVER_SIDE.to_owned()];
        let servers: Vec<String> = self.servers.iter().map(Server::called).collect();
        let chapter = |what: &str, kind, channels, by: &str, measures: &str| Chapter {
            name: format!("{}: {what}", self.name),
            shared: self.shared,
            channels,
            by: by.into(),
            measures: measures.into(),
            ..Chapter::of(kind)
        };
        vec![
            chapter("traffic", ChapterKind::TimeSeries, sides(), "", "bps, connections"),
            chapter("retransmissions", ChapterKind::Value, sides(), "", "retransmissions, packets"),
            chapter("performance of both sides", ChapterKind::Performance, sides(), "", ""),
            chapter("traffic of servers", ChapterKind::TimeSeries, servers.clone(), "", "bps, connections"),
            chapter("performance of servers", ChapterKind::Performance, servers.clone(), "", ""),
            chapter("servers", ChapterKind::Value, servers, "", "connections, bytes, rtt p95, srt p95, retransmissions"),
            chapter("clients", ChapterKind::Top, vec![CLIENT_SIDE.to_owned()], "client ip", "connections, bytes, rtt p95"),
        ]
    }

    fn dashboard(&self, chapters: &[Chapter]) -> Dashboard {
        const PLACES: [(u32, u32, u32, u32); 7] =
            [(0, 0, 8, 4), (8, 0, 4, 4), (0, 4, 12, 5), (0, 9, 6, 4), (6, 9, 6, 4), (0, 13, 6, 4), (6, 13, 6, 4)];
        let widget = |(place, (x, y, w, h)): (usize, (u32, u32, u32, u32))| Widget {
            chapter: place.to_string(),
            title: String::new(),
            x,
            y,
            w,
            h,
        };
        Dashboard {
            name: self.name.clone(),
            description: format!("Performance of the service at {} port {}", self.client.address, self.client.port),
            shared: self.shared,
            time: DashboardTime::default(),
            widgets: PLACES.into_iter().take(chapters.len()).enumerate().map(widget).collect(),
        }
    }
}

impl Server {
    fn called(&self) -> String {
        match self.name.trim() {
            "" => format!("{} port {}", self.address, self.port),
            name => name.to_owned(),
        }
    }
}

/// One end of a flow: address and port of the same side.
fn end(address: IpAddr, port: u16) -> String {
    format!("src ip {address} and src port {port} or dst ip {address} and dst port {port}")
}
