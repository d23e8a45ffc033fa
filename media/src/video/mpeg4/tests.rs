//! Ours and the crate's decoder beside each other, with the crate's transform: the same pictures, and the same complaints.

use std::process::Command;

use super::*;

/// What FFmpeg makes of a lively picture with these settings. `None`: there is no FFmpeg.
fn clip(settings: &str) -> Option<Vec<u8>> {
    let source =
        "-v error -nostdin -f lavfi -i testsrc2=size=178x130:rate=25:duration=0.6,noise=alls=12:allf=t+u:all_seed=7";
    let args = source.split(' ').chain(settings.split(' ')).chain("-pix_fmt yuv420p -f m4v -".split(' '));
    let made = Command::new("ffmpeg").args(args).output();
    match made.map(|made| (made.status.success(), made)) {
        Ok((true, made)) => Some(made.stdout),
        Ok((false, made)) => panic!("{settings}: {}", String::from_utf8_lossy(&made.stderr)),
        Err(_) => {
            assert!(std::env::var_os("TRICINE_REQUIRE_ALL").is_none(), "ffmpeg is required");
            None
        }
    }
}

/// Cuts a stream behind each picture.
fn packets(data: &[u8]) -> Vec<&[u8]> {
    let mut packets: Vec<&[u8]> = Vec::new();
    let mut rest = data;
    for unit in units(data) {
        if unit.code == code::PICTURE {
            let (packet, after) = rest.split_at(unit.data.as_ptr_range().end as usize - rest.as_ptr() as usize);
            packets.push(packet);
            rest = after;
        }
    }
    packets
}

/// The crate's transform, for ours.
fn by_the_crate(block: &crate::video::idct::Block) -> crate::video::idct::Block {
    let turned = std::array::from_fn(|v| std::array::from_fn(|u| block[u][v].into()));
    oxideav_mpeg4video::idct::idct_8x8(&turned, 8).map(|row| row.map(|sample| sample as i16))
}

/// What is shown of packets, up to the first complaint, by ours or by the crate's decoder.
fn shown(packets: &[Vec<u8>], ours: bool) -> (Vec<(i64, Vec<u8>)>, Option<String>) {
    let mut codec = Mpeg4::open(&[]).unwrap();
    let (mut out, mut complaint) = (Vec::new(), None);
    for (tag, packet) in (0..).zip(packets) {
        let units = units(packet);
        if ours {
            codec.choose(&units, &mut out).unwrap();
            codec.stream.iter_mut().for_each(|stream| stream.inverse = by_the_crate);
        }
        if let Err(error) = codec.go_on(packet, &units, tag, &mut out) {
            complaint = Some(format!("{error:?}"));
            break;
        }
    }
    codec.flush(&mut out).unwrap();
    let bytes = |picture: Decoded| {
        let Samples::Bytes(mut samples) = picture.samples else { panic!("more than eight bits") };
        let (width, height) = (picture.width as usize, picture.height as usize);
        let mut bytes = vec![0; width * height + 2 * width.div_ceil(2) * height.div_ceil(2)];
        samples.write_i420(&mut bytes);
        (picture.tag, bytes)
    };
    (out.into_iter().map(bytes).collect(), complaint)
}

/// What encoders of DivX and Xvid write: vectors by quarters, both kinds of scaling, packets, changing scales, whole pictures alone.
const USUAL: [&str; 6] = [
    "-c:v mpeg4 -q:v 3 -bf 2 -g 6",
    "-c:v mpeg4 -q:v 1 -bf 0 -g 12",
    "-c:v mpeg4 -b:v 300k -bf 2 -flags +mv4+aic -mbd rd -trellis 1 -g 12",
    "-c:v mpeg4 -q:v 5 -mpeg_quant 1 -bf 1 -flags +mv4 -g 5",
    "-c:v mpeg4 -q:v 12 -bf 2 -ps 300 -g 7",
    "-c:v mpeg4 -q:v 25 -g 1",
];

#[test]
fn what_is_usual_is_what_the_crate_decodes() {
    for settings in USUAL {
        let Some(data) = clip(settings) else { return };
        let packets: Vec<Vec<u8>> = packets(&data).into_iter().map(<[u8]>::to_vec).collect();
        let (ours, theirs) = (shown(&packets, true), shown(&packets, false));
        assert_eq!((ours.0.len(), &ours.1), (15, &None), "{settings}");
        for (ours, theirs) in ours.0.iter().zip(&theirs.0) {
            assert!(ours == theirs, "{settings}: picture {} differs", ours.0);
        }
        assert_eq!(ours.0.len(), theirs.0.len(), "{settings}");
    }
}

#[test]
fn of_damage_the_same_is_shown_and_said() {
    let mut complaints = 0;
    for settings in USUAL {
        let Some(data) = clip(settings) else { return };
        for seed in 0..30_usize {
            let mut packets: Vec<Vec<u8>> = packets(&data).into_iter().map(<[u8]>::to_vec).collect();
            // Bytes of pictures, the headers of streams left alone; or a picture that ends early.
            let packet = &mut packets[seed % 14];
            let begin = units(packet).last().map_or(0, |unit| packet.len() - unit.data.len()) + 4;
            let at = begin + seed * 7919 % (packet.len() - begin);
            if seed % 3 == 0 {
                packet.truncate(at)
            } else {
                packet[at] ^= 1 << (seed % 8)
            }
            let (ours, theirs) = (shown(&packets, true), shown(&packets, false));
            assert_eq!(ours.1, theirs.1, "{settings}, seed {seed}");
            assert!(ours.0 == theirs.0, "{settings}, seed {seed}: {} and {}", ours.0.len(), theirs.0.len());
            complaints += usize::from(ours.1.is_some());
        }
    }
    assert!(complaints > 60, "{complaints} of 180 are damaged");
}

#[test]
fn a_stream_that_changes_its_kind_changes_its_decoder() {
    let (Some(usual), Some(rare)) = (clip("-c:v mpeg4 -q:v 3 -bf 2"), clip("-c:v mpeg4 -q:v 3 -flags +qpel")) else {
        return;
    };
    let mut codec = Mpeg4::open(&[]).unwrap();
    let mut out = Vec::new();
    for (data, ours) in [(&usual, true), (&rare, false), (&usual, true)] {
        for packet in packets(data) {
            codec.take(packet, 0, &mut out).unwrap();
            assert_eq!(codec.stream.is_some(), ours);
        }
    }
    codec.flush(&mut out).unwrap();
    assert_eq!(out.len(), 45);
}
