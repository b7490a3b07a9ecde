use super::*;

fn datagram(payload: &[u8]) -> Datagram<'_> {
    Datagram { payload, from: "192.0.2.1".parse().unwrap(), port: 50_000, received: 0, listener: 0, stream: None }
}

fn made<'a>(payload: &'a [u8], source: &str, target: &str, mtu: usize) -> Vec<Packet<'a>> {
    let (source, target) = (source.parse().unwrap(), target.parse().unwrap());
    let mut packets = [Packet::default(); 128];
    let count = Packets::default().make(&datagram(payload), Some(source), target, mtu, &mut packets);
    assert_eq!(count, super::count(&datagram(payload), Some(source), mtu));
    packets[..count].to_vec()
}

fn octets(packet: &Packet<'_>) -> Vec<u8> {
    packet.slices().iter().flat_map(|slice| slice.to_vec()).collect()
}

#[test]
fn packets_are_those_that_others_make() {
    // Put together by hand, the checksum computed elsewhere; the kernel fills in that of the IPv4 header.
    let [v4] = made(b"weir!", "192.0.2.1:50000", "198.51.100.7:2055", 1500)[..] else { panic!() };
    let expected = [
        0x45, 0, 0, 33, 0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 198, 51, 100, 7, // IPv4
        0xc3, 0x50, 0x08, 0x07, 0, 13, 0x46, 0x68, b'w', b'e', b'i', b'r', b'!',
    ];
    assert_eq!(octets(&v4), expected);
    let [v6] = made(b"weir", "[2001:db8::1]:50000", "[2001:db8::2]:2055", 1500)[..] else { panic!() };
    let octets_v6 = octets(&v6);
    assert_eq!(octets_v6[..8], [0x60, 0, 0, 0, 0, 12, 17, 64]);
    assert!(is_right(&octets_v6[8..40], &octets_v6[40..]));
}

/// Whether the checksum over addresses, protocol, length and datagram is right: the sum of all is all ones (RFC 1071, section 1).
fn is_right(addresses: &[u8], udp: &[u8]) -> bool {
    let pairs = |octets: &[u8]| -> u32 {
        octets.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0))).sum()
    };
    let mut sum = pairs(addresses) + 17 + udp.len() as u32 + pairs(udp);
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum == 0xffff
}

#[test]
fn checksums_are_right_for_every_length() {
    let payload: Vec<u8> = (0..600u32).map(|number| (number * 31 + 7) as u8).collect();
    for length in 0..600 {
        for (source, target) in [("192.0.2.1:1", "192.0.2.2:65535"), ("[2001:db8::1]:1", "[2001:db8::2]:2")] {
            let [packet] = made(&payload[..length], source, target, 1500)[..] else { panic!() };
            let octets = octets(&packet);
            let (addresses, udp) = if octets[0] >> 4 == 4 { octets[12..].split_at(8) } else { octets[8..].split_at(32) };
            assert!(is_right(addresses, udp), "{length}");
        }
    }
}

#[test]
fn long_datagrams_are_cut_into_fragments_that_join() {
    let payload: Vec<u8> = (0..65_507u32).map(|number| number as u8).collect();
    for length in [1465, 1473, 3000, 65_507] {
        for (source, target, header) in [("192.0.2.1:1", "192.0.2.2:2", 20), ("[2001:db8::1]:1", "[2001:db8::2]:2", 48)] {
            let packets = made(&payload[..length], source, target, 1492);
            let mut joined = Vec::new();
            for (number, packet) in packets.iter().enumerate() {
                let octets = octets(packet);
                assert!(octets.len() <= 1492, "{}", octets.len());
                let place = if header == 20 { [octets[6], octets[7]] } else { [octets[42], octets[43]] };
                let place = u16::from_be_bytes(place);
                let (offset, more) =
                    if header == 20 { ((place & 0x1fff) * 8, place & 0x2000 != 0) } else { (place & !7, place & 1 != 0) };
                assert_eq!((usize::from(offset), more), (joined.len(), number + 1 < packets.len()));
                assert_eq!(packet.ends, !more);
                joined.extend_from_slice(&octets[header..]);
            }
            assert_eq!(joined[8..], payload[..length], "{length}");
            assert_eq!(usize::from(u16::from_be_bytes([joined[4], joined[5]])), length + 8);
        }
    }
}
