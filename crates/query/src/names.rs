//! Which words of a filter mean which columns.
//!
//! Every column is known by its own name. Besides, one name may stand for the two columns of source and destination (a
//! [`Pair`]), for a column under a shorter or customary name, or for what is worked out of columns ([`Derived`]).

use weir_record::{Column, ColumnType, FilterType, Unit};

use crate::syntax::{Derived, Field, Pair, Sides};

/// The words that choose a side of a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SideWords {
    /// `src` and `dst`, also `client` and `server`.
    SourceDestination,
    /// `in` and `out`; `src` and `dst` mean the same.
    InOut,
    /// The two columns are no sides: either holds the thing.
    None,
}

macro_rules! pairs {
    ($($words:expr => $side:ident, $first:ident, $second:ident;)*) => {
        /// Names that stand for two columns. The first word of each is the one that is printed.
        pub(crate) const PAIRS: &[Pair] = &[ $( Pair {
            words: &$words,
            sides: SideWords::$side,
            first: Column::$first,
            second: Column::$second,
        } ),* ];
    };
}

pairs! {
    ["ip", "host", "net", "addr", "address"] => SourceDestination, src_addr, dst_addr;
    ["port", "portrange"] => SourceDestination, src_port, dst_port;
    ["as", "asn"] => SourceDestination, src_as, dst_as;
    ["as_name"] => SourceDestination, src_as_name, dst_as_name;
    ["mac"] => SourceDestination, src_mac, dst_mac;
    ["mask"] => SourceDestination, src_mask, dst_mask;
    ["country", "geo"] => SourceDestination, src_country, dst_country;
    ["group"] => SourceDestination, src_group, dst_group;
    ["hostname"] => SourceDestination, src_host, dst_host;
    ["side"] => SourceDestination, src_boundary, dst_boundary;
    ["nat ip", "nat_addr"] => SourceDestination, nat_src_addr, nat_dst_addr;
    ["nat port", "nat_port"] => SourceDestination, nat_src_port, nat_dst_port;
    ["tunnel ip"] => SourceDestination, tunnel_src, tunnel_dst;
    ["if", "interface"] => InOut, in_if, out_if;
    ["if_name"] => InOut, in_if_name, out_if_name;
    ["if_alias"] => InOut, in_if_alias, out_if_alias;
    ["if_kind"] => InOut, in_if_kind, out_if_kind;
    ["if_speed"] => InOut, in_if_speed, out_if_speed;
    ["boundary"] => InOut, in_boundary, out_boundary;
    ["vlan"] => InOut, vlan_in, vlan_out;
    ["vrf"] => InOut, vrf_in, vrf_out;
    ["vrf_name"] => InOut, vrf_in_name, vrf_out_name;
    ["hhost"] => None, http_host, tls_sni;
}

/// Other names of single columns. A dot or a dash in a name is read as an underscore, so `http.host` and `npm-rtt` need no
/// line of their own but their target.
pub(crate) const ALIASES: &[(&str, Column)] = &[
    ("proto", Column::protocol),
    ("flags", Column::tcp_flags),
    ("router ip", Column::exporter),
    ("router", Column::exporter),
    ("next ip", Column::next_hop),
    ("bgpnext ip", Column::bgp_next_hop),
    ("kind", Column::record_kind),
    ("domain", Column::obs_domain),
    ("received", Column::time_received),
    ("start", Column::time_start),
    ("end", Column::time_end),
    ("sni", Column::tls_sni),
    ("alpn", Column::tls_alpn),
    ("ja3", Column::tls_ja3),
    ("ja4", Column::tls_ja4),
    ("user", Column::user_name),
    ("npm_rtt", Column::rtt),
    ("npm_srt", Column::srt),
];

/// Names of what is worked out of columns.
pub(crate) const DERIVED: &[(&str, Derived, &str)] = &[
    ("duration", Derived::Duration, "time_end less time_start"),
    ("bps", Derived::BitsPerSecond, "bits a second over the duration"),
    ("pps", Derived::PacketsPerSecond, "packets a second over the duration"),
    ("bpp", Derived::BytesPerPacket, "bytes a packet"),
    ("dscp", Derived::Dscp, "upper six bits of tos"),
    ("mpls label", Derived::MplsLabel, "a label of mpls_labels, without EXP and S"),
    ("mpls", Derived::MplsLabel, "a label of mpls_labels, without EXP and S"),
];

/// Names of protocols (IANA). Each is also a test of its own: `tcp`. `icmp` is 1 alone, as in tcpdump and nfdump.
pub(crate) const PROTOCOLS: &[(&str, u8)] = &[
    ("icmp", 1),
    ("igmp", 2),
    ("tcp", 6),
    ("udp", 17),
    ("gre", 47),
    ("esp", 50),
    ("ah", 51),
    ("icmp6", 58),
    ("icmpv6", 58),
    ("eigrp", 88),
    ("ospf", 89),
    ("pim", 103),
    ("vrrp", 112),
    ("l2tp", 115),
    ("sctp", 132),
    ("udplite", 136),
];

/// Words that are tests of their own about `ip_version`.
pub(crate) const FAMILIES: &[(&str, u8)] = &[("inet", 4), ("ipv4", 4), ("inet6", 6), ("ipv6", 6)];

/// Letters of TCP flags from bit 0 on.
pub(crate) const FLAG_LETTERS: &str = "FSRPAUEC";

/// The field of a name without a side. `extra.NAME` is not among them.
pub(crate) fn field(name: &str) -> Option<Field> {
    if let Some(pair) = pair(name) {
        return Some(Field::Pair(pair, Sides::Either));
    }
    let name = normal(name);
    let derived = DERIVED.iter().find(|(word, ..)| *word == name);
    if let Some((_, derived, _)) = derived {
        return Some(Field::Derived(*derived));
    }
    let alias = ALIASES.iter().find(|(alias, _)| *alias == name);
    alias.map(|(_, column)| *column).or_else(|| Column::by_name(&name)).map(Field::Column)
}

/// The pair of a name.
pub(crate) fn pair(name: &str) -> Option<&'static Pair> {
    let name = normal(name);
    PAIRS.iter().find(|pair| pair.words.contains(&name.as_str()))
}

/// A name as the tables have it.
pub(crate) fn normal(name: &str) -> String {
    name.to_lowercase().replace(['.', '-'], "_")
}

/// Every word at which a test can begin, for hints.
pub(crate) fn known() -> impl Iterator<Item = &'static str> {
    const WORDS: &[&str] = &["any", "not", "src", "dst", "client", "server", "extra"];
    PAIRS
        .iter()
        .flat_map(|pair| pair.words.iter().copied())
        .chain(WORDS.iter().copied())
        .chain(ALIASES.iter().map(|(word, _)| *word))
        .chain(DERIVED.iter().map(|(word, ..)| *word))
        .chain(PROTOCOLS.iter().map(|(word, _)| *word))
        .chain(FAMILIES.iter().map(|(word, _)| *word))
        .chain(Column::ALL.iter().map(|column| column.name()))
}

/// How literals of a field are read and printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ValueType {
    /// A whole number up to `max`; `scaled` ones are printed with `k`, `M`, `G` where these divide them.
    Number { max: u64, scaled: bool },
    /// A number or the name of a protocol.
    Protocol,
    /// A number or letters of TCP flags.
    Flags,
    /// Numbers in a list, each up to `max`.
    List { max: u64 },
    /// A duration.
    Duration,
    /// A point in time.
    Time,
    /// An address or a prefix.
    Address,
    /// A MAC address.
    Mac,
    /// A text; `upper` ones are stored in capitals.
    Text { upper: bool },
    /// One of the words.
    Word(&'static [&'static str]),
    /// True or false.
    Bool,
    /// A member of an object: a number, a text, true or false.
    Member,
    /// An object, which can only be there or not.
    Object,
}

impl Field {
    /// How literals that are compared with the field are read.
    pub(crate) fn value_type(&self) -> ValueType {
        match self {
            Self::Column(column) => column_type(*column),
            Self::Pair(pair, _) => column_type(pair.first),
            Self::Derived(Derived::Duration) => ValueType::Duration,
            Self::Derived(Derived::Dscp) => ValueType::Number { max: 63, scaled: false },
            Self::Derived(Derived::MplsLabel) => ValueType::List { max: 0xf_ffff },
            Self::Derived(Derived::BytesPerPacket) => ValueType::Number { max: u64::MAX, scaled: false },
            Self::Derived(_) => ValueType::Number { max: u64::MAX, scaled: true },
            Self::Extra(_) => ValueType::Member,
        }
    }
}

fn column_type(column: Column) -> ValueType {
    match column {
        Column::protocol => return ValueType::Protocol,
        Column::tcp_flags => return ValueType::Flags,
        Column::src_country | Column::dst_country => return ValueType::Text { upper: true },
        _ => {}
    }
    let info = column.info();
    match info.filter_type() {
        FilterType::Number => ValueType::Number {
            max: match info.column_type {
                ColumnType::U8 => u8::MAX.into(),
                ColumnType::U16 => u16::MAX.into(),
                ColumnType::U32 => u32::MAX.into(),
                _ => u64::MAX,
            },
            scaled: matches!(info.unit, Unit::Bytes | Unit::Packets | Unit::BitsPerSecond),
        },
        FilterType::Duration => ValueType::Duration,
        FilterType::Time => ValueType::Time,
        FilterType::Address => ValueType::Address,
        FilterType::Mac => ValueType::Mac,
        FilterType::Text => ValueType::Text { upper: false },
        FilterType::Word(words) => ValueType::Word(words),
        FilterType::Bool => ValueType::Bool,
        FilterType::List => ValueType::List { max: u32::MAX.into() },
        FilterType::Object => ValueType::Object,
    }
}
