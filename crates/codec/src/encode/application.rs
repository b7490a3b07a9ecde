//! Application ids (RFC 6759) of the applications that the meter names.
//!
//! Engine 3 stands for the port that IANA has assigned to the protocol, whatever port the connection used; engine 13 for the selectors of Cisco's
//! NBAR2, where no port says the same. Exporters and collectors of this kind show an application by this number.

/// The id of an application in the form in which exporters send it: the engine, and three octets of selector.
pub(super) const fn application_id(name: &[u8]) -> Option<[u8; 4]> {
    let (engine, selector): (u8, u16) = match name {
        b"bgp" => (3, 179),
        b"dhcp" => (3, 67),
        b"dns" => (3, 53),
        b"ftp" => (3, 21),
        b"http" => (3, 80),
        b"imap" => (3, 143),
        b"kerberos" => (3, 88),
        b"ldap" => (3, 389),
        b"mdns" => (3, 5353),
        b"mqtt" => (3, 1883),
        b"mssql" => (3, 1433),
        b"mysql" => (3, 3306),
        b"ntp" => (3, 123),
        b"pop3" => (3, 110),
        b"postgresql" => (3, 5432),
        b"radius" => (3, 1812),
        b"rdp" => (3, 3389),
        b"redis" => (3, 6379),
        b"sip" => (3, 5060),
        b"smb" => (3, 445),
        b"smtp" => (3, 25),
        b"snmp" => (3, 161),
        b"ssh" => (3, 22),
        b"stun" => (3, 3478),
        b"syslog" => (3, 514),
        b"telnet" => (3, 23),
        b"tftp" => (3, 69),
        b"tls" => (13, 453),
        _ => return None,
    };
    let [high, low] = selector.to_be_bytes();
    Some([engine, 0, high, low])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_those_of_other_exporters() {
        // As records of such exporters have them: 50331701 and 218104261.
        assert_eq!(application_id(b"dns").map(u32::from_be_bytes), Some(50_331_701));
        assert_eq!(application_id(b"tls").map(u32::from_be_bytes), Some(218_104_261));
        assert_eq!(application_id(b"no such"), None);
    }
}
