use super::*;

fn told(text: &str) -> Option<Address> {
    text.parse::<IpAddr>().ok().map(Address::from)
}

/// Version 2 with this command, family and content.
fn binary(command: u8, family: u8, content: &[u8]) -> Vec<u8> {
    [VERSION_2, &[command, family], &(content.len() as u16).to_be_bytes(), content].concat()
}

#[test]
fn headers_tell_the_client_and_where_they_end() {
    let v4 = [192, 0, 2, 9, 10, 0, 0, 1, 0, 80, 1, 187];
    let mut v6 = [0; 36];
    v6[..4].copy_from_slice(&[0x20, 1, 0xd, 0xb8]);
    let mut mapped = v6;
    mapped[..16].copy_from_slice(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 192, 0, 2, 9]);
    let cases: &[(&[u8], Option<&str>)] = &[
        (b"PROXY TCP4 192.0.2.9 10.0.0.1 4000 443\r\n", Some("192.0.2.9")),
        (b"PROXY TCP6 2001:db8:: ::1 4000 443\r\n", Some("2001:db8::")),
        (b"PROXY TCP6 ::ffff:192.0.2.9 ::ffff:10.0.0.1 4000 443\r\n", Some("192.0.2.9")),
        (b"PROXY UNKNOWN\r\n", None),
        (b"PROXY UNKNOWN 192.0.2.9 10.0.0.1 4000 443\r\n", None),
        (&binary(0x21, 0x11, &v4), Some("192.0.2.9")),
        (&binary(0x21, 0x21, &v6), Some("2001:db8::")),
        (&binary(0x21, 0x21, &mapped), Some("192.0.2.9")),
        // With more behind the addresses; of a socket in the file system; of the load balancer itself, which may fill the addresses in.
        (&binary(0x21, 0x11, &[&v4[..], &[4, 0, 1, 0]].concat()), Some("192.0.2.9")),
        (&binary(0x21, 0x31, &[b'/'; 216]), None),
        (&binary(0x20, 0x11, &v4), None),
        (&binary(0x20, 0, &[]), None),
    ];
    for (header, client) in cases {
        let expected = Start::Header { client: client.and_then(told), length: header.len() };
        assert_eq!(start(header), expected, "{header:?}");
        assert_eq!(start(&[header, &b"\r\nGET"[..]].concat()), expected, "{header:?}");
        // Of the binary header no more is needed than the addresses.
        for end in 1..header.len().min(28) {
            assert!(matches!(start(&header[..end]), Start::Unfinished | Start::Header { .. }), "{end} of {header:?}");
        }
    }
    assert_eq!(start(&cases[0].0[..cases[0].0.len() - 1]), Start::Unfinished);
}

#[test]
fn what_is_no_header_is_left_to_others() {
    let long = [b"PROXY UNKNOWN ".as_slice(), &[b'x'; 92], b"\r\n"].concat();
    assert_eq!(long.len(), LONGEST_1 + 1);
    let longest = [b"PROXY UNKNOWN ".as_slice(), &[b'x'; 91], b"\r\n"].concat();
    assert_eq!(start(&longest), Start::Header { client: None, length: LONGEST_1 });
    let others: &[&[u8]] = &[
        b"",
        b"POST / HTTP/1.1\r\n",
        b"PROXYTCP4",
        b"\r\nPROXY",
        b"PROXY TCP4 192.0.2.9 10.0.0.1 4000\r\n",
        b"PROXY TCP4 192.0.2.9 10.0.0.1 4000 65536\r\n",
        b"PROXY TCP4 192.0.2.9 10.0.0.1 4000 443 5\r\n",
        b"PROXY TCP4 2001:db8::1 ::1 4000 443\r\n",
        b"PROXY TCP6 192.0.2.9 ::1 4000 443\r\n",
        b"PROXY TCP4 192.0.2.999 10.0.0.1 4000 443\r\n",
        b"PROXY UNKNOWNS\r\n",
        b"PROXY \xff\r\n",
        b"PROXY UDP4 192.0.2.9 10.0.0.1 4000 443\r\n",
        &long,
        // Another version, another command, too short for its family.
        &binary(0x11, 0x11, &[0; 12]),
        &binary(0x22, 0x11, &[0; 12]),
        &binary(0x21, 0x11, &[0; 11]),
        &binary(0x21, 0x21, &[0; 35]),
    ];
    for other in others {
        assert_eq!(start(other), Start::Other, "{other:?}");
    }
}
