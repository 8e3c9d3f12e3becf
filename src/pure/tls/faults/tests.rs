use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    date_time_ymd,
};

use super::*;

/// 2026-11-21.
const NOW: i64 = 1_795_219_200;

struct Made {
    der: Vec<u8>,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate called `name`, signed by `by` or itself, that counts from and to these years.
fn made(name: &str, by: Option<&Made>, (from, to): (i32, i32), is_ca: bool) -> Made {
    let mut params = CertificateParams::new(Vec::new()).expect("no names");
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = date_time_ymd(from, 1, 1);
    params.not_after = date_time_ymd(to, 1, 1);
    if is_ca {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    }
    if name == "server" {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    }
    let key = KeyPair::generate().expect("a key");
    let signed = match by {
        Some(by) => params.signed_by(&key, &by.issuer),
        None => params.self_signed(&key),
    };
    let der = signed.expect("a certificate").der().to_vec();
    Made { der, issuer: Issuer::new(params, key) }
}

/// Depths and numbers of what is wrong with a chain; `bad` are signatures that do not verify.
fn wrong(chain: &[&Made], authorities: &[&Made], bad: &[&Made]) -> Vec<(u8, u8)> {
    let links = |all: &[&Made]| -> Vec<Link<'static>> {
        // Leaked: of a test's few certificates nothing has to be given back.
        all.iter().map(|made| Link::read(made.der.clone().leak()).expect("one")).collect()
    };
    let (chain, authorities, bad) = (links(chain), links(authorities), links(bad));
    let verifies = |_: &Link<'_>, signed: &Signed<'_>| bad.iter().all(|bad| bad.signed != *signed);
    let believed = Believed {
        authorities: &authorities,
        revoked: &[],
        purpose: Purpose::Clients,
        now: NOW,
        verifies: &verifies,
    };
    find(&chain, &believed).iter().map(|fault| (fault.depth, fault.code)).collect()
}

#[test]
fn chains_have_openssls_faults_in_its_order() {
    let years = (2020, 2040);
    let (old, new) = ((2010, 2020), (2030, 2040));
    let ca = made("ca", None, years, true);
    let other = made("other", None, years, true);
    let good = made("good", Some(&ca), years, false);
    let inter = made("inter", Some(&ca), years, true);
    let below = made("below", Some(&inter), years, false);
    let ended = made("ended", Some(&ca), old, false);
    let early = made("early", Some(&ca), new, false);
    let old_inter = made("old", Some(&ca), old, true);
    let below_old = made("below old", Some(&old_inter), years, false);
    let unknown = made("unknown", Some(&other), years, false);
    let unknown_ended = made("unknown", Some(&other), old, false);
    let other_inter = made("other inter", Some(&other), years, true);
    let below_other = made("below other", Some(&other_inter), years, false);
    let alone = made("alone", None, years, false);
    let server = made("server", Some(&ca), years, false);
    let no_ca = made("no ca", Some(&ca), years, false);
    let below_no_ca = made("below no ca", Some(&no_ca), years, false);
    let believed = [&ca];
    for (chain, expected) in [
        (vec![&good], vec![]),
        (vec![&below, &inter], vec![]),
        (vec![&below, &inter, &ca], vec![]),
        (vec![&ended], vec![(0, 10)]),
        (vec![&early], vec![(0, 9)]),
        (vec![&unknown], vec![(0, 20), (0, 21)]),
        (vec![&unknown, &other], vec![(1, 19)]),
        (vec![&unknown_ended], vec![(0, 20), (0, 21), (0, 10)]),
        (vec![&alone], vec![(0, 18)]),
        (vec![&below], vec![(0, 20), (0, 21)]),
        (vec![&below_other, &other_inter], vec![(1, 20)]),
        (vec![&below_other, &other_inter, &other], vec![(2, 19)]),
        (vec![&below_old, &old_inter], vec![(1, 10)]),
        (vec![&server], vec![(0, 26)]),
        (vec![&below_no_ca, &no_ca], vec![(1, 79), (1, 26)]),
        (vec![], vec![]),
    ] {
        assert_eq!(wrong(&chain, &believed, &[]), expected);
    }
    assert_eq!(wrong(&[&good], &believed, &[&good]), [(0, 7)]);
    assert_eq!(wrong(&[&below, &inter], &believed, &[&inter]), [(1, 7)]);
}

#[test]
fn a_chain_that_goes_in_circles_ends() {
    let years = (2020, 2040);
    let root = made("a", None, years, true);
    let b = made("b", Some(&root), years, true);
    let a = made("a", Some(&b), years, true);
    let faults = wrong(&[&a, &b], &[], &[]);
    assert_eq!(faults, [(1, 20)]);
}

#[test]
fn what_is_told_is_the_first_of_each_and_the_last() {
    let fault = |depth, code| Fault { depth, code };
    let seen = Seen::of(&[fault(1, 79), fault(0, 3), fault(2, 10), fault(0, 10)]);
    let expected = Seen { verify: 10, certificate: 3, authority: 79, authority_depth: 1 };
    assert_eq!(seen, expected);
    let ignored = Ignored::new(Some("10"), Some("all"));
    assert!(ignored.has(fault(0, 10)) && !ignored.has(fault(0, 20)) && ignored.has(fault(3, 20)));
    assert!(!ignored.has(fault(0, 255)));
}
