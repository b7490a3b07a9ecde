//! Messages as the kernel sends them, whole and broken.

use super::*;

fn message(kind: u16, flags: u16, number: u32, body: &[u8]) -> Vec<u8> {
    let mut message = Vec::new();
    message.extend(((HEADER + body.len()) as u32).to_ne_bytes());
    message.extend(kind.to_ne_bytes());
    message.extend(flags.to_ne_bytes());
    message.extend(number.to_ne_bytes());
    message.extend(0u32.to_ne_bytes());
    message.extend(body);
    message.resize(message.len().next_multiple_of(4), 0);
    message
}

fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let mut attribute = [((ATTRIBUTE + value.len()) as u16).to_ne_bytes(), kind.to_ne_bytes()].concat();
    attribute.extend(value);
    attribute.resize(attribute.len().next_multiple_of(4), 0);
    attribute
}

fn address_body(family: u8, flags: u8, index: u32, attributes: &[Vec<u8>]) -> Vec<u8> {
    [&[family, 24, flags, 0][..], &index.to_ne_bytes(), &attributes.concat()].concat()
}

fn link_body(family: u8, index: u32, flags: u32, name: &str) -> Vec<u8> {
    let name = attribute(IFLA_IFNAME, format!("{name}\0").as_bytes());
    [&[family, 0, 1, 0][..], &index.to_ne_bytes(), &flags.to_ne_bytes(), &[0; 4], &attribute(99, b"xyz"), &name].concat()
}

fn heard(datagram: &[u8]) -> Vec<Said> {
    let mut heard = Vec::new();
    read(datagram, |said| heard.push(said));
    heard
}

#[test]
fn links_and_addresses_are_read() {
    let v6 = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
    let datagram = [
        message(RTM_NEWLINK, 0, 0, &link_body(0, 3, 0x11043, "eth0")),
        message(RTM_NEWLINK, 0, 0, &link_body(0, 3, 0x1003, "eth0")),
        // A port leaves a bridge.
        message(RTM_DELLINK, 0, 0, &link_body(7, 3, 0x11043, "eth0")),
        message(RTM_DELLINK, 0, 0, &link_body(0, 4, 0, "gone")),
        message(
            RTM_NEWADDR,
            0,
            0,
            &address_body(AF_INET, 0, 3, &[attribute(IFA_ADDRESS, &[192, 0, 2, 9]), attribute(IFA_LOCAL, &[192, 0, 2, 1])]),
        ),
        message(RTM_DELADDR, 0, 0, &address_body(AF_INET, 0, 3, &[attribute(IFA_LOCAL, &[192, 0, 2, 1])])),
        message(RTM_NEWADDR, 0, 0, &address_body(AF_INET6, 0x40, 3, &[attribute(IFA_ADDRESS, &v6.octets())])),
        message(
            RTM_NEWADDR,
            0,
            0,
            &address_body(
                AF_INET6,
                0x40,
                3,
                &[attribute(IFA_ADDRESS, &v6.octets()), attribute(IFA_FLAGS, &0x80u32.to_ne_bytes())],
            ),
        ),
        message(NLMSG_DONE, 0, 7, &[0; 4]),
    ]
    .concat();
    let address = |address: IpAddr, is_usable| Said::Address { index: 3, address, is_usable };
    let link = |index, name: &str, is_running, is_gone| Said::Link { index, name: name.into(), is_running, is_gone };
    let v4 = IpAddr::from([192, 0, 2, 1]);
    assert_eq!(
        heard(&datagram),
        [
            link(3, "eth0", true, false),
            link(3, "eth0", false, false),
            link(4, "gone", false, true),
            address(v4, true),
            address(v4, false),
            address(v6.into(), false),
            address(v6.into(), true),
            Said::Done(7)
        ]
    );
}

#[test]
fn a_list_that_changed_meanwhile_is_asked_for_again() {
    let datagram = message(RTM_NEWLINK, NLM_F_DUMP_INTR, 5, &link_body(0, 1, 0x49, "lo"));
    assert_eq!(heard(&datagram).first(), Some(&Said::Stale(5)));
    assert_eq!(heard(&message(NLMSG_ERROR, 0, 6, &(-16i32).to_ne_bytes())), [Said::Refused(6, 16)]);
    assert_eq!(heard(&message(NLMSG_DONE, 0, 6, &(-4i32).to_ne_bytes())), [Said::Refused(6, 4)]);
}

#[test]
fn what_is_broken_says_nothing_more() {
    let whole = [
        message(RTM_NEWADDR, 0, 0, &address_body(AF_INET, 0, 3, &[attribute(IFA_LOCAL, &[192, 0, 2, 1])])),
        message(NLMSG_DONE, 0, 7, &[]),
    ]
    .concat();
    for cut in 0..whole.len() {
        assert!(heard(&whole[..cut]).len() < 2, "{cut}");
    }
    // Lengths that are too short, too long, or not there.
    for (place, octet) in (0..whole.len()).flat_map(|place| [0, 1, 3, 15, 0x7f, 0xff].map(|octet| (place, octet))) {
        let mut broken = whole.clone();
        broken[place] = octet;
        // Each says one thing, and perhaps that it is stale.
        assert!(heard(&broken).len() <= 4, "{place} {octet}");
    }
    assert_eq!(heard(&[0; 64]), []);
}

#[test]
fn requests_are_as_long_as_they_say() {
    for (list, length) in [(List::Links, 32), (List::Addresses, 24)] {
        let request = request(list, 9);
        assert_eq!((request.len(), u32_at(&request, 0), u32_at(&request, 8)), (length, Some(length as u32), Some(9)));
    }
}
