use weir_record::Column;
use weir_testkit::Rng;

use super::super::protocol::Carrier;
use super::super::tests::Talk;
use crate::packet::Direction::ToServer;

fn message(op: u8, offered: u8, options: &[u8]) -> Vec<u8> {
    let mut octets = vec![0; 236];
    octets[..3].copy_from_slice(&[op, 1, 6]);
    octets[16..20].copy_from_slice(&[192 * offered.min(1), 0, 0, offered]);
    octets[28..34].copy_from_slice(&[2, 0, 0, 0, 0, 7]);
    octets.extend([0x63, 0x82, 0x53, 0x63]);
    octets.extend(options);
    octets
}

#[test]
fn the_last_type_and_the_first_address_are_kept() {
    let discover = message(1, 0, b"\x35\x01\x01\x0c\x04host\0\xff");
    let talk = Talk::new(Carrier::Datagram, 68, 67).client(&discover).server(&message(2, 9, b"\x35\x01\x02\xff"));
    let talk = talk.client(&message(1, 0, b"\x35\x01\x03")).server(&message(2, 9, b"\0\0\x35\x01\x05\xff"));
    assert_eq!((talk.app.name(), talk.number(Column::dhcp_type)), (Some("dhcp"), Some(5)));
    assert_eq!((talk.text(Column::dhcp_host), talk.number(Column::dhcp_mac)), (Some("host"), Some(0x0200_0000_0007)));
    let mut address = None;
    talk.app.facts.each(ToServer, |column, value, _| {
        if let (Column::dhcp_addr, crate::facts::Value::Address(found)) = (column, value) {
            address = Some(found.to_string());
        }
    });
    assert_eq!(address.as_deref(), Some("192.0.0.9"));
}

#[test]
fn bootp_has_no_type_and_other_ports_are_not_taken() {
    let bootp = &message(1, 0, &[])[..236];
    let talk = Talk::new(Carrier::Datagram, 68, 67).client(bootp);
    assert_eq!((talk.app.name(), talk.number(Column::dhcp_type)), (Some("dhcp"), None));
    assert_eq!(Talk::datagrams(4711).client(bootp).app.name(), None);
}

#[test]
fn dhcpv6_is_known_by_name() {
    let talk = Talk::new(Carrier::Datagram, 546, 547).client(b"\x01abc\0\x01\0\x01x");
    assert_eq!(talk.app.name(), Some("dhcpv6"));
    assert_eq!(Talk::new(Carrier::Datagram, 546, 547).client(b"\x01abc\xff\xff\0\x01x").app.name(), None);
}

#[test]
fn mutated_messages_do_no_harm() {
    let mut rng = Rng::with_seed(7);
    for _ in 0..10_000 {
        let mut octets = message(1, 1, b"\x35\x01\x03\x0c\x04host\xff");
        for _ in 0..rng.usize(..6) {
            let place = rng.usize(..octets.len());
            octets[place] = rng.u8(..);
        }
        octets.truncate(rng.usize(..=octets.len()));
        drop(Talk::new(Carrier::Datagram, 68, 67).client(&octets).server(&octets));
        drop(Talk::new(Carrier::Datagram, 546, 547).client(&octets));
    }
}
