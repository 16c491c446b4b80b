//! Which addresses another origin than the connection's own may have.
//!
//! A server that may name a URL could otherwise make us fetch from inside the operator's network:
//! a metadata service, a database's admin page, the machine itself. So every address that is not
//! public is refused, also where it is wrapped into an IPv6 form (mapped, NAT64, 6to4).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Why an address is refused; `None` for a public one. `allow_loopback` is for the local profile,
/// whose own services live there.
pub fn refusal(address: IpAddr, allow_loopback: bool) -> Option<&'static str> {
    let v4 = match address {
        IpAddr::V4(v4) => Some(v4),
        IpAddr::V6(v6) => embedded_v4(v6),
    };
    let reason = match (v4, address) {
        (Some(v4), _) => refusal_v4(v4),
        (None, IpAddr::V6(v6)) => refusal_v6(v6),
        (None, IpAddr::V4(_)) => None,
    };
    reason.filter(|reason| !(allow_loopback && *reason == LOOPBACK))
}

const LOOPBACK: &str = "a loopback address";

/// The special-purpose registry of IANA (RFC 6890 and later).
fn refusal_v4(address: Ipv4Addr) -> Option<&'static str> {
    let [a, b, c, _] = address.octets();
    Some(match (a, b, c) {
        (0, ..) => "an address of this network",
        (127, ..) => LOOPBACK,
        (10, ..) | (172, 16..=31, _) | (192, 168, _) => "a private address",
        (169, 254, _) => "a link-local address, where clouds serve metadata",
        (100, 64..=127, _) => "an address shared behind a carrier's NAT",
        (192, 0, 0) | (192, 88, 99) => "an address reserved for protocols",
        (192, 0, 2) | (198, 51, 100) | (203, 0, 113) => "an address for documentation",
        (198, 18..=19, _) => "an address for benchmarks",
        (224..=239, ..) => "a multicast address",
        (240..=255, ..) => "a reserved address",
        _ => return None,
    })
}

fn refusal_v6(address: Ipv6Addr) -> Option<&'static str> {
    let [a, b, ..] = address.segments();
    Some(match (a, b) {
        _ if address.is_loopback() => LOOPBACK,
        _ if address.is_unspecified() => "an unspecified address",
        (0xfc00..=0xfdff, _) => "a private address",
        (0xfe80..=0xfebf, _) => "a link-local address",
        (0xfec0..=0xfeff, _) => "a site-local address",
        (0xff00..=0xffff, _) => "a multicast address",
        // The local-use prefix of NAT64 (RFC 8215) leads wherever its operator says.
        (0x64, 0xff9b) => "an address of a local NAT64",
        (0x100, 0) => "a discard address",
        (0x2001, 0..=0x1ff) => "an address reserved for protocols",
        (0x2001, 0xdb8) | (0x3fff, 0..=0xfff) => "an address for documentation",
        // Only 2000::/3 is global unicast.
        (0x2000..=0x3fff, _) => return None,
        _ => "a reserved address",
    })
}

/// The IPv4 address that an IPv6 one leads to: mapped and compatible (RFC 4291), NAT64
/// (RFC 6052, 64:ff9b::/96), 6to4 (RFC 3056).
fn embedded_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [a, b, c, d, e, f, g, h] = address.segments();
    let joined = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match [a, b, c, d, e, f] {
        [0, 0, 0, 0, 0, 0xffff] | [0x64, 0xff9b, 0, 0, 0, 0] | [0, 0, 0, 0, 0xffff, 0] => Some(joined(g, h)),
        // `::` and `::1` are addresses of their own.
        [0, 0, 0, 0, 0, 0] if g != 0 || h > 1 => Some(joined(g, h)),
        [0x2002, ..] => Some(joined(b, c)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_inside_a_network_are_refused() {
        for text in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "127.255.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "192.0.0.192",
            "192.0.2.1",
            "198.18.0.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:0:10.0.0.1",
            "::10.0.0.1",
            "64:ff9b::169.254.169.254",
            "64:ff9b:1::1",
            "2002:7f00:1::",
            "fe80::1",
            "fec0::1",
            "fc00::1",
            "fd00:ec2::254",
            "ff02::1",
            "100::1",
            "2001:db8::1",
            "2001::1",
            "3fff::1",
            "4000::1",
        ] {
            assert!(refusal(text.parse().unwrap(), false).is_some(), "{text}");
        }
    }

    #[test]
    fn public_addresses_pass() {
        for text in [
            "1.1.1.1",
            "172.32.0.1",
            "192.169.0.1",
            "100.128.0.1",
            "2606:4700::1",
            "64:ff9b::1.1.1.1",
            "::ffff:8.8.8.8",
        ] {
            assert_eq!(refusal(text.parse().unwrap(), false), None, "{text}");
        }
    }

    #[test]
    fn the_local_profile_reaches_loopback_and_nothing_more() {
        for (text, allowed) in [
            ("127.0.0.1", true),
            ("::1", true),
            ("::ffff:127.0.0.1", true),
            ("10.0.0.1", false),
            ("169.254.169.254", false),
        ] {
            assert_eq!(refusal(text.parse().unwrap(), true).is_none(), allowed, "{text}");
        }
    }
}
