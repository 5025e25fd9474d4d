//! Which addresses may be connected to.
//!
//! A webhook's address is configuration, but what a name resolves to is not: a name that resolves to this machine, to
//! the network it stands in, or to a cloud's metadata service would make us ask there in our own name. Only addresses
//! of the public internet pass, and those that the configuration names.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// Networks that are allowed although they are not public.
#[derive(Clone, Debug, Default)]
pub struct Allowed(pub Vec<Net>);

impl Allowed {
    /// Whether one of these networks holds the address, as it is or as the IPv4 address that it carries.
    #[must_use]
    pub fn holds(&self, address: IpAddr) -> bool {
        self.0.iter().any(|net| net.holds(address) || net.holds(address.to_canonical()))
    }
}

/// An address and how many of its leading bits count: `10.0.0.0/8`, `127.0.0.1`, `fd00::/8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Net {
    address: IpAddr,
    bits: u8,
}

/// A text that is no network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no network such as 10.0.0.0/8 or 127.0.0.1")]
pub struct NetError(String);

impl Net {
    const fn v4(a: u8, b: u8, c: u8, d: u8, bits: u8) -> Self {
        Self { address: IpAddr::V4(Ipv4Addr::new(a, b, c, d)), bits }
    }

    const fn v6(head: [u16; 6], bits: u8) -> Self {
        let [a, b, c, d, e, f] = head;
        Self { address: IpAddr::V6(Ipv6Addr::new(a, b, c, d, e, f, 0, 0)), bits }
    }

    /// Whether the address lies in it.
    #[must_use]
    pub fn holds(&self, address: IpAddr) -> bool {
        let differ = match (self.address, address) {
            (IpAddr::V4(a), IpAddr::V4(b)) => (a.to_bits() ^ b.to_bits()).leading_zeros(),
            (IpAddr::V6(a), IpAddr::V6(b)) => (a.to_bits() ^ b.to_bits()).leading_zeros(),
            _ => return false,
        };
        differ >= u32::from(self.bits)
    }
}

impl FromStr for Net {
    type Err = NetError;

    fn from_str(text: &str) -> Result<Self, NetError> {
        let (address, bits) = text.split_once('/').map_or((text, None), |(a, b)| (a, Some(b)));
        let Ok(address) = address.parse::<IpAddr>() else { return Err(NetError(text.to_owned())) };
        let most = if address.is_ipv4() { 32 } else { 128 };
        match bits.map_or(Ok(most), str::parse) {
            Ok(bits) if bits <= most => Ok(Self { address, bits }),
            _ => Err(NetError(text.to_owned())),
        }
    }
}

impl fmt::Display for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

/// IPv4 networks that are not the public internet, from IANA's special-purpose registry.
const CLOSED_V4: &[(Net, &str)] = &[
    (Net::v4(0, 0, 0, 0, 8), "this network"),
    (Net::v4(10, 0, 0, 0, 8), "private"),
    (Net::v4(100, 64, 0, 0, 10), "shared by a carrier"),
    (Net::v4(127, 0, 0, 0, 8), "loopback"),
    (Net::v4(169, 254, 0, 0, 16), "link-local, where clouds keep their metadata"),
    (Net::v4(172, 16, 0, 0, 12), "private"),
    (Net::v4(192, 0, 0, 0, 24), "protocol assignments"),
    (Net::v4(192, 0, 2, 0, 24), "documentation"),
    (Net::v4(192, 88, 99, 0, 24), "relays to IPv6"),
    (Net::v4(192, 168, 0, 0, 16), "private"),
    (Net::v4(198, 18, 0, 0, 15), "benchmarks"),
    (Net::v4(198, 51, 100, 0, 24), "documentation"),
    (Net::v4(203, 0, 113, 0, 24), "documentation"),
    (Net::v4(224, 0, 0, 0, 4), "multicast"),
    (Net::v4(240, 0, 0, 0, 4), "reserved, and broadcast"),
];

/// What is in use of IPv6 lies in 2000::/3; these parts of it are not the public internet.
const PUBLIC_V6: Net = Net::v6([0x2000, 0, 0, 0, 0, 0], 3);
const CLOSED_V6: &[(Net, &str)] = &[
    (Net::v6([0x2001, 0, 0, 0, 0, 0], 23), "protocol assignments, Teredo among them"),
    (Net::v6([0x2001, 0xdb8, 0, 0, 0, 0], 32), "documentation"),
    (Net::v6([0x3fff, 0, 0, 0, 0, 0], 20), "documentation"),
];
/// IPv6 networks whose addresses carry an IPv4 address, and how many bits follow it: what they carry decides.
const CARRIERS: &[(Net, u32)] = &[
    (Net::v6([0, 0, 0, 0, 0, 0xffff], 96), 0),
    (Net::v6([0, 0, 0, 0, 0, 0], 96), 0),
    (Net::v6([0x64, 0xff9b, 0, 0, 0, 0], 96), 0),
    (Net::v6([0x2002, 0, 0, 0, 0, 0], 16), 80),
];

/// Why nothing may be sent to this address; `None`: it may.
#[must_use]
pub fn refusal(address: IpAddr, allowed: &Allowed) -> Option<&'static str> {
    if allowed.holds(address) {
        return None;
    }
    match address {
        IpAddr::V4(_) => closed(CLOSED_V4, address),
        IpAddr::V6(v6) => match CARRIERS.iter().find(|(net, _)| net.holds(address)) {
            Some((_, after)) => {
                let low = u32::try_from((v6.to_bits() >> after) & u128::from(u32::MAX));
                low.map_or(Some("unreadable"), |bits| closed(CLOSED_V4, Ipv4Addr::from_bits(bits).into()))
            }
            None if !PUBLIC_V6.holds(address) => Some("not the public internet"),
            None => closed(CLOSED_V6, address),
        },
    }
}

fn closed(nets: &[(Net, &'static str)], address: IpAddr) -> Option<&'static str> {
    nets.iter().find(|(net, _)| net.holds(address)).map(|(_, why)| *why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_public_internet_is_open() {
        let closed = [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "10.255.255.255",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.254",
            "169.254.0.1",
            "169.254.169.254",
            "169.254.170.2",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.1",
            "192.0.0.192",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.0.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.255.255.250",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::ffff:10.1.2.3",
            "::127.0.0.1",
            "64:ff9b::127.0.0.1",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:2::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "2002:a9fe:a9fe::1",
            "2002:c0a8:101::1",
            "3fff::1",
            "5f00::1",
            "fc00::1",
            "fd00:ec2::254",
            "fdff::1",
            "fe80::1",
            "febf::1",
            "fec0::1",
            "ff02::1",
            "ff0e::1",
        ];
        for text in closed {
            assert!(refusal(text.parse().unwrap(), &Allowed::default()).is_some(), "{text}");
        }
        let open = [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "128.0.0.1",
            "169.253.255.255",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.1",
            "192.167.255.255",
            "198.17.0.1",
            "198.20.0.0",
            "223.255.255.255",
            "2606:4700::1111",
            "2a00:1450::1",
            "::ffff:1.1.1.1",
            "64:ff9b::1.1.1.1",
            "2002:101:101::1",
            "2001:200::1",
            "2001:db9::1",
        ];
        for text in open {
            assert_eq!(refusal(text.parse().unwrap(), &Allowed::default()), None, "{text}");
        }
    }

    #[test]
    fn what_is_named_is_allowed_and_nothing_beside_it() {
        let nets = ["127.0.0.1", "10.1.0.0/16", "fd00::/8"];
        let allowed = Allowed(nets.iter().map(|net| net.parse().unwrap()).collect());
        for text in ["127.0.0.1", "::ffff:127.0.0.1", "10.1.255.255", "fd12::1"] {
            assert_eq!(refusal(text.parse().unwrap(), &allowed), None, "{text}");
        }
        for text in ["127.0.0.2", "10.2.0.0", "::1", "fc00::1"] {
            assert!(refusal(text.parse().unwrap(), &allowed).is_some(), "{text}");
        }
    }

    #[test]
    fn networks_are_read_or_refused() {
        for text in
            ["", "10.0.0.0/33", "::/129", "10.0.0/8", "localhost", "10.0.0.0/-1", "10.0.0.0/", "0x7f.1"]
        {
            assert_eq!(text.parse::<Net>(), Err(NetError(text.to_owned())));
        }
        assert_eq!("fd00::/8".parse::<Net>().unwrap().to_string(), "fd00::/8");
        assert_eq!("127.0.0.1".parse::<Net>().unwrap().to_string(), "127.0.0.1/32");
        assert!("0.0.0.0/0".parse::<Net>().unwrap().holds("255.1.1.1".parse().unwrap()));
    }
}
