//! BPF filters: any text, which libpcap may refuse, run over any frame.
#![no_main]

use libfuzzer_sys::fuzz_target;
use weir_capture::Bpf;

/// Ethernet, raw IP, Linux cooked, loopback.
const LINKS: [u16; 4] = [1, 101, 113, 0];

fuzz_target!(|input: &[u8]| {
    let Some((choice, rest)) = input.split_first() else { return };
    // The text ends with its line; the frame is what is behind it.
    let (text, frame) = rest.split_at(rest.iter().position(|octet| *octet == b'\n').unwrap_or(rest.len()));
    // Names would be asked of the machine's resolver, and other tests of the kernel.
    let Some(text) = std::str::from_utf8(text).ok().filter(|text| text.len() <= 200 && is_known(text)) else { return };
    let link = LINKS.iter().cycle().nth((choice & 3).into()).copied().unwrap_or(1);
    let Ok(filter) = Bpf::compile(text, link) else { return };
    for end in [frame.len(), frame.len() / 2, 0] {
        let data = frame.get(..end).unwrap_or_default();
        let first = filter.matches(data, frame.len() as u32);
        assert_eq!(filter.matches(data, frame.len() as u32), first, "a filter has no memory");
    }
});

/// Words of the language that look nothing up.
const WORDS: [&str; 36] = [
    "and",
    "or",
    "not",
    "ip",
    "ip6",
    "tcp",
    "udp",
    "icmp",
    "icmp6",
    "arp",
    "ether",
    "vlan",
    "mpls",
    "pppoes",
    "host",
    "net",
    "mask",
    "port",
    "portrange",
    "src",
    "dst",
    "proto",
    "less",
    "greater",
    "len",
    "broadcast",
    "multicast",
    "inbound",
    "outbound",
    "geneve",
    "vxlan",
    "x",
    "protochain",
    "gateway",
    "rarp",
    "sctp",
];

fn is_known(text: &str) -> bool {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != ':' && c != '.').filter(|word| !word.is_empty());
    let mut words = words.filter(|word| !WORDS.contains(word));
    words.all(|word| {
        word.starts_with(|c: char| c.is_ascii_digit()) && word.chars().all(|c| c.is_ascii_hexdigit() || "x:./".contains(c))
    })
}
