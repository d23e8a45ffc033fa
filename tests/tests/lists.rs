//! Playlists, folders and addresses on the real program: what they name is shown in their order, and what cannot be is told.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use tests::{End, arg, children, start, wait_for};

const PROGRAM: &str = env!("CARGO_BIN_EXE_tricine-under-test");

/// A film of two pictures, of this shade.
fn film(path: &Path, shade: u8) {
    let mut bytes = b"YUV4MPEG2 W16 H16 F25:1\n".to_vec();
    for picture in 0..2 {
        bytes.extend(b"FRAME\n");
        bytes.extend([shade + picture; 16 * 16 * 3 / 2]);
    }
    std::fs::write(path, bytes).unwrap();
}

/// What is shown of `inputs`, as the shades of its pictures.
fn shades(folder: &Path, inputs: &[&str]) -> (Vec<u8>, End) {
    let frames = folder.join("frames.out");
    let display = format!("framemd5={}", arg(&frames));
    let end = start(PROGRAM, &[&["--unpaced", "--display", &display, "--audio", "null"], inputs].concat()).end();
    let text = std::fs::read_to_string(&frames).unwrap_or_default();
    let hashes =
        text.lines().filter(|line| !line.starts_with('#')).map(|line| line.rsplit(", ").next().unwrap().trim());
    let known: Vec<String> = (0..=255).map(|shade| md5(&[shade; 16 * 16 * 3 / 2])).collect();
    let shade = |hash| known.iter().position(|known| known == hash).expect("a picture of the films") as u8;
    (hashes.map(shade).collect(), end)
}

fn md5(bytes: &[u8]) -> String {
    use md5::Digest;
    md5::Md5::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_playlist_plays_what_it_names_and_tells_what_it_cannot() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &[u8]| folder.path().join(OsStr::from_bytes(name));
    film(&file(b"a b.y4m"), 10);
    film(&file(b"\xff.y4m"), 20);
    film(&file(b"c.y4m"), 30);
    let list = b"\xef\xbb\xbf#EXTM3U\r\n#EXTINF:1,First\r\na b.y4m\r\nhttp://example.org/x.mp4\r\ngone.mp4\r\n\xff.y4m\r\ninner.pls\r\n";
    std::fs::write(file(b"list.m3u"), list).unwrap();
    let address = format!("file://{}", arg(&file(b"a b.y4m")).replace(' ', "%20"));
    std::fs::write(file(b"inner.pls"), format!("[playlist]\nFile2={address}\nFile1=c.y4m\nFile3=list.m3u\n")).unwrap();
    let (shown, end) = shades(folder.path(), &[arg(&file(b"list.m3u"))]);
    assert_eq!(shown, [10, 11, 20, 21, 30, 31, 10, 11], "{}", end.stderr);
    assert_eq!(end.status.code(), Some(1), "{}", end.stderr);
    for said in [
        "cannot play http://example.org/x.mp4: addresses are FFmpeg's",
        "gone.mp4: there is no such file",
        "names itself",
    ] {
        assert_eq!(end.stderr.matches(said).count(), 1, "{said}: {}", end.stderr);
    }
}

#[test]
fn a_manifest_of_pieces_is_refused_with_what_makes_a_film_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("live.m3u8");
    std::fs::write(&list, "#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXTINF:6,\n0.ts\n").unwrap();
    let (shown, end) = shades(folder.path(), &[arg(&list)]);
    assert_eq!((shown, end.status.code()), (vec![], Some(1)));
    let does = format!("ffmpeg -nostdin -i '{}' -c copy film.mkv", arg(&list));
    assert!(end.stderr.contains(&does) || end.stderr.contains(&does.replace('\'', "")), "{}", end.stderr);
}

#[test]
fn a_folder_of_films_plays_in_order_and_passes_over_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let films = folder.path().join("films");
    std::fs::create_dir(&films).unwrap();
    for (name, shade) in [("e10.y4m", 30), ("E2.y4m", 20), ("e1.y4m", 10)] {
        film(&films.join(name), shade);
    }
    std::fs::write(films.join("poster.png"), "no picture").unwrap();
    nix::unistd::mkfifo(&films.join("pipe.mp4"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let address = format!("file://{}", arg(&films));
    for input in [arg(&films), &address] {
        let (shown, end) = shades(folder.path(), &[input]);
        assert_eq!(shown, [10, 11, 20, 21, 30, 31], "{}", end.stderr);
        assert_eq!(end.status.code(), Some(0), "{}", end.stderr);
        assert_eq!(end.stderr.matches("passes over 1 picture, 1 other file").count(), 1, "{}", end.stderr);
    }
}

#[test]
fn a_title_of_a_playlist_names_the_film_and_a_pipe_in_it_holds_up_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe.m3u");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
    film(&folder.path().join("a.y4m"), 10);
    let list = folder.path().join("list.m3u");
    std::fs::write(&list, "#EXTINF:1,Evening\na.y4m\n#EXTINF:1,Waiting\npipe.m3u\n").unwrap();
    let run = start(PROGRAM, &["--display", "none", "--audio", "null", arg(&list)]);
    wait_for("the opener of the pipe", || {
        let opens = |title: &str| title.starts_with("tricine: opener ") && title.ends_with("pipe.m3u");
        children(run.pid()).iter().any(|(_, title)| opens(title)).then_some(())
    });
    run.signal(nix::sys::signal::Signal::SIGINT);
    assert_eq!(run.end().status.code(), Some(128 + 2));
}
