use super::super::protocols::PROTOCOLS as FAMILIES;
use super::super::tests::Talk;

/// What the first octets of a client over TCP are taken for.
fn stream(port: u16, octets: &[u8]) -> Option<&'static str> {
    Talk::stream(port).client(octets).app.name()
}

fn datagram(port: u16, octets: &[u8]) -> Option<&'static str> {
    Talk::datagrams(port).client(octets).app.name()
}

/// Octets with zeros behind them.
fn padded(octets: &[u8], length: usize) -> Vec<u8> {
    let mut padded = octets.to_vec();
    padded.resize(length, 0);
    padded
}

#[test]
fn streams_are_known_by_their_first_octets_on_any_port() {
    let cases: &[(&str, &[u8])] = &[
        ("ssh", b"SSH-2.0-OpenSSH_9.7\r\n"),
        ("rdp", b"\x03\0\0\x13\x0e\xe0\0\0\0\0\0\x01\0\x08\0\x0b\0\0\0"),
        ("rdp", b"\x03\0\0\x2a\x25\xe0\0\0\0\0\0Cookie: mstshash=ada\r\n\x01\0\x08\0\x03\0\0\0"),
        ("vnc", b"RFB 003.008\n"),
        ("bgp", &[&[0xff; 16][..], &[0, 29, 1, 4, 0xfd, 0xe8, 0, 180, 10, 0, 0, 1, 0]].concat()),
        ("kerberos", b"\0\0\0\x40\x6a\x3e\x30\x3c\xa1\x03\x02\x01\x05\xa2\x03\x02\x01\x0a"),
        ("ldap", b"\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\0\x80\0"),
        ("mqtt", b"\x10\x10\0\x04MQTT\x04\x02\0\x3c\0\x04abcd"),
        ("amqp", b"AMQP\0\0\x09\x01"),
        ("redis", b"*1\r\n$4\r\nPING\r\n"),
        ("mongodb", &padded(b"\x40\0\0\0\x01\0\0\0\0\0\0\0\xdd\x07\0\0", 64)),
        ("bittorrent", &padded(b"\x13BitTorrent protocol", 68)),
        ("irc", b"NICK ada\r\nUSER ada 0 * :Ada\r\n"),
        ("rtsp", b"DESCRIBE rtsp://a.example/1 RTSP/1.0\r\nCSeq: 1\r\n\r\n"),
        ("xmpp", b"<?xml version='1.0'?><stream:stream to='a.example'"),
        ("nfs", &padded(b"\x80\0\0\x28\0\0\0\x01\0\0\0\0\0\0\0\x02\0\x01\x86\xa3\0\0\0\x03", 44)),
        ("dcerpc", b"\x05\0\x0b\x03\x10\0\0\0\x48\0\0\0\x01\0\0\0"),
        ("stun", &padded(b"\0\x01\0\0\x21\x12\xa4\x42", 20)),
        ("openvpn", b"\0\x0e\x38abcdefgh\0\0\0\0\0"),
        ("cassandra", b"\x04\0\0\x01\x01\0\0\0\x16\0\x01\0\x0bCQL_VERSION\0\x053.0.0"),
        ("pptp", &padded(b"\0\x9c\0\x01\x1a\x2b\x3c\x4d", 156)),
    ];
    for (name, octets) in cases {
        assert_eq!(stream(40_001, octets), Some(*name), "{name}");
        assert_eq!(Talk::stream(40_001).client_slowly(octets).app.name(), Some(*name), "{name}, an octet at a time");
    }
}

#[test]
fn datagrams_are_known_by_their_structure() {
    let cases: &[(&str, u16, &[u8])] = &[
        ("ntp", 123, &padded(&[0x23], 48)),
        ("snmp", 161, b"\x30\x1a\x02\x01\x01\x04\x06public\xa0\x0d\x02\x01\x01\x02\x01\0\x02\x01\0\x30\x02\x30\0"),
        ("radius", 1812, b"\x01\x07\0\x19aaaaaaaaaaaaaaaa\x01\x05ada"),
        ("kerberos", 88, b"\x6a\x3e\x30\x3c\xa1\x03\x02\x01\x05\xa2\x03\x02\x01\x0a"),
        ("cldap", 389, b"\x30\x0c\x02\x01\x01\x63\x07\x04\0\x0a\x01\0\x0a\x01\0"),
        ("syslog", 514, b"<34>Oct 11 22:14:15 a su: no"),
        ("tftp", 69, b"\0\x01boot.img\0octet\0"),
        ("wireguard", 40_001, &padded(&[1, 0, 0, 0, 9], 148)),
        ("ipsec", 500, &padded(b"abcdefgh\0\0\0\0\0\0\0\0\x21\x20\x22\x08\0\0\0\0\0\0\0\x40", 64)),
        ("openvpn", 40_001, b"\x38abcdefgh\0\0\0\0\0"),
        ("stun", 40_001, &padded(b"\0\x01\0\0\x21\x12\xa4\x42", 20)),
        ("bittorrent", 40_001, b"d1:ad2:id20:aaaaaaaaaaaaaaaaaaaae1:q4:ping1:t2:aa1:y1:qe"),
        ("ssdp", 1900, b"M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\n\r\n"),
        ("coap", 5683, b"\x40\x01\x12\x34\xbb.well-known"),
        ("gtp", 2152, &padded(&[0x30, 0xff, 0, 8, 0, 0, 0, 1], 16)),
        ("vxlan", 4789, &padded(&[8, 0, 0, 0, 0, 0, 42, 0], 60)),
    ];
    for (name, port, octets) in cases {
        assert_eq!(datagram(*port, octets), Some(*name), "{name}");
    }
}

#[test]
fn what_is_like_another_protocol_is_not_taken_for_it() {
    // X.224 of a controller (S7), with a list of parameters.
    assert_eq!(stream(102, b"\x03\0\0\x16\x11\xe0\0\0\0\x01\0\xc0\x01\x0a\xc1\x02\x01\0\xc2\x02\x01\x02"), None);
    // As a conversation.
    let request = b"\x03\0\0\x16\x11\xe0\0\0\0\x07\0\xc1\x02\x01\0\xc2\x02\x01\x02\xc0\x01\x0a";
    let answer = b"\x03\0\0\x16\x11\xd0\0\x07\0\x03\0\xc0\x01\x0a\xc1\x02\x01\0\xc2\x02\x01\x02";
    let data = b"\x03\0\0\x19\x02\xf0\x80\x32\x01\0\0\x02\0\0\x08\0\0\xf0\0\0\x01\0\x01\x01\xe0";
    assert_eq!(Talk::stream(102).client(request).server(answer).client(data).app.name(), None);
    // The first octets of RDP, DCE/RPC and Diameter alone.
    for octets in [&b"\x03\0\0\x07\x02\xf0\0"[..], b"\x05\0", b"\x01\0\0"] {
        assert_eq!(stream(40_001, octets), None);
    }
    // SNMP is no LDAP, and LDAP no SNMP.
    let snmp = b"\x30\x1a\x02\x01\x01\x04\x06public\xa0\x0d\x02\x01\x01\x02\x01\0\x02\x01\0\x30\x02\x30\0";
    assert_eq!(datagram(389, snmp), Some("snmp"));
    assert_eq!(datagram(161, b"\x30\x0c\x02\x01\x01\x63\x07\x04\0\x0a\x01\0\x0a\x01\0"), Some("cldap"));
    // A length that is not the datagram's.
    assert_eq!(datagram(1812, b"\x01\x07\0\xffaaaaaaaaaaaaaaaa\x01\x05ada"), None);
    assert_eq!(datagram(40_001, &padded(&[1, 0, 0, 0, 9], 149)), None);
}

#[test]
fn ports_name_what_content_does_not() {
    use super::super::protocol::Carrier::{Datagram, Stream};
    assert_eq!(super::super::by_port(Stream, 22, 40_000), Some("ssh"));
    assert_eq!(super::super::by_port(Datagram, 40_000, 123), Some("ntp"));
    assert_eq!(super::super::by_port(Stream, 40_001, 40_000), None);
}

#[test]
fn random_and_mutated_octets_end_within_bounds() {
    let mut random = weir_testkit::Rng::with_seed(7);
    let ports: Vec<u16> = FAMILIES.iter().flat_map(|family| family.iter()).flat_map(|protocol| protocol.ports).copied().collect();
    let starts: &[&[u8]] = &[
        b"SSH-2.0-",
        b"\x30\x1a\x02\x01\x01\x04\x06public\xa0\x0d\x02\x01\x01",
        b"\x6a\x3e\x30\x3c\xa1\x03\x02\x01\x05",
        b"*1\r\n$4\r\nPING\r\n",
        b"\x12\x01\0\x20\0\0\0\0\0\0\x0b\0\x06\x01\0\x11\0\x01\xff",
        b"\0\0\0\x20\0\x03\0\0user\0ada\0",
        b"\x4a\0\0\0\x0a8.0\0",
        b"INVITE sip:a@b SIP/2.0\r\n",
        b"\0\0\0\x40\xfeSMB\x40\0",
        b"\0\0\0\x40\xffSMB\x72\0",
        b"\x80\x60\0\x01",
        b"\x81\xc8\0\x06",
        b"\x16\x03\x01\x00\x80\x01\0\0\x7c\x03\x03",
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x01a\0\0\x01\0\x01",
        b"220 a ESMTP\r\n",
    ];
    for _ in 0..20_000 {
        let port = ports.get(random.usize(..ports.len())).copied().unwrap_or_default();
        let mut talk = if random.bool() { Talk::stream(port) } else { Talk::datagrams(port) }.keep_all();
        for _ in 0..random.usize(1..8) {
            let mut octets = starts.get(random.usize(..starts.len())).map(|start| start.to_vec()).unwrap_or_default();
            let more = random.usize(1..300);
            octets.extend(std::iter::repeat_with(|| random.u8(..)).take(more));
            for _ in 0..random.usize(..4) {
                let place = random.usize(..octets.len());
                octets[place] = random.u8(..);
            }
            octets.truncate(random.usize(1..=octets.len()));
            talk = if random.bool() { talk.client(&octets) } else { talk.server(&octets) };
        }
        assert!(talk.app.held() <= 128 << 10, "{} octets held", talk.app.held());
        assert!(talk.app.memory() <= 64 << 10, "{} octets of facts", talk.app.memory());
    }
}

#[test]
fn what_follows_stun_on_its_ports_gives_the_name() {
    let binding = padded(b"\0\x01\0\0\x21\x12\xa4\x42", 20);
    let hello = padded(b"\x16\xfe\xfd\0\0\0\0\0\0\0\0\0\x20\x01\0\0\x14", 45);
    let talk = Talk::datagrams(3478).client(&binding).server(&binding);
    assert_eq!(talk.app.name(), Some("stun"));
    let media = |talk: Talk, number: u8| {
        talk.server(&padded(&[0x80, 96, 0, number, 0, 0, 0, number, 1, 2, 3, 4], 60)).client(&padded(&[0x80, 201, 0, 1], 8))
    };
    let talk = (1..=4).fold(talk.client(&hello), media);
    assert_eq!(talk.app.name(), Some("rtp"));
}

#[test]
fn pings_of_both_sides_are_mqtt() {
    let talk = Talk::stream(40_001).client(b"\xc0\0");
    assert_eq!(talk.app.name(), None);
    assert_eq!(talk.server(b"\xd0\0").app.name(), Some("mqtt"));
    assert_eq!(Talk::stream(40_001).client(b"\xc0\0").server(b"\xd1\0\0").app.name(), None);
}
