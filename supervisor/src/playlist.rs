//! Playlists: M3U, M3U8 and PLS, which name other inputs. Their text is bytes, as names are; what it names is looked at when its turn
//! comes, not here. Pure, but for [`alike`].

use std::borrow::Cow;
use std::ffi::OsStr;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use tricine_session::name::Name;

/// The longest playlist that is read, in bytes, and the most that it may name.
pub(crate) const LONGEST: u64 = 4 << 20;
pub(crate) const MOST: usize = 10_000;
/// The longest name that a system takes, in bytes.
const LONGEST_NAME: usize = 4096;
/// What HTTP Live Streaming adds to M3U: these are pieces of one film, not films.
const PIECES: [&[u8]; 4] =
    [b"#EXT-X-TARGETDURATION", b"#EXT-X-STREAM-INF", b"#EXT-X-MEDIA-SEQUENCE", b"#EXT-X-I-FRAME-STREAM-INF"];

/// What a playlist names: what, and what it calls it.
pub(crate) type Named = (Name, Option<String>);

/// Whether a file that begins with `head` and is called `name` is a playlist. What has zeros in it is none, whatever it is called.
pub(crate) fn is_one(head: &[u8], name: &Path) -> bool {
    let text = plain(head).trim_ascii_start();
    let marked = |mark: &[u8]| text.get(..mark.len()).is_some_and(|found| found.eq_ignore_ascii_case(mark));
    marked(b"#EXTM3U") || marked(b"[playlist]") || called_so(name) && (!head.contains(&0) || wide(head))
}

/// Whether a file is called as playlists are.
pub(crate) fn called_so(name: &Path) -> bool {
    ["m3u", "m3u8", "pls"].contains(&Name::from(name).extension().as_str())
}

/// What a playlist of these bytes names, in its order, as seen from where the user is. `folder` is where the playlist is. Errors: words
/// for the user.
pub(crate) fn read(bytes: &[u8], folder: &Path) -> Result<Vec<Named>, String> {
    if bytes.len() as u64 > LONGEST {
        return Err(format!("it is a playlist of more than {} MiB; split it", LONGEST >> 20));
    }
    if wide(bytes) {
        return Err("it is a playlist in UTF-16; save it as UTF-8".into());
    }
    let text = plain(bytes);
    let lines = || text.split(|&byte| byte == b'\n' || byte == b'\r').map(<[u8]>::trim_ascii).filter(|l| !l.is_empty());
    if lines().any(|line| PIECES.iter().any(|piece| line.starts_with(piece))) {
        return Err("it is a manifest of HTTP Live Streaming, whose pieces are one film; \
                    `ffmpeg -nostdin -i IN -c copy film.mkv` makes that film"
            .into());
    }
    let heads: [&[u8]; 3] = [b"[playlist]", b"numberofentries=", b"file1="];
    let begins =
        |line: &[u8], head: &[u8]| line.get(..head.len()).is_some_and(|found| found.eq_ignore_ascii_case(head));
    // Comments may stand before it, or it may be missing.
    let mut first = lines().filter(|line| !line.starts_with(b";"));
    let pls = first.next().is_some_and(|line| heads.iter().any(|head| begins(line, head)));
    let found = if pls { numbered(lines()) } else { listed(lines()) };
    let found: Vec<Named> = found
        .into_iter()
        .filter(|(name, _)| name.len() <= LONGEST_NAME)
        .map(|(name, title)| (placed(name, folder), title.map(|title| words(title).into_owned())))
        .collect();
    match found.len() {
        0 => Err("it is a playlist that names nothing".into()),
        more if more > MOST => Err(format!("it is a playlist of {more} names, and {MOST} are read; split it")),
        _ => Ok(found),
    }
}

/// M3U: a name a line. A comment may have the title of what comes next.
fn listed<'a>(lines: impl Iterator<Item = &'a [u8]>) -> Vec<(&'a [u8], Option<&'a [u8]>)> {
    let (mut found, mut title) = (Vec::new(), None);
    for line in lines {
        match line.strip_prefix(b"#") {
            Some(comment) => title = comment.strip_prefix(b"EXTINF:").map_or(title, after_comma),
            None => found.push((line, title.take())),
        }
    }
    found
}

/// What stands behind the first comma that is not within quotes.
fn after_comma(text: &[u8]) -> Option<&[u8]> {
    let mut quoted = false;
    let comma = text.iter().position(|&byte| {
        quoted ^= byte == b'"';
        byte == b',' && !quoted
    });
    comma.map(|at| text[at + 1..].trim_ascii()).filter(|title| !title.is_empty())
}

/// PLS: `File1=…` and `Title1=…`, in whatever order.
fn numbered<'a>(lines: impl Iterator<Item = &'a [u8]>) -> Vec<(&'a [u8], Option<&'a [u8]>)> {
    let mut found: std::collections::BTreeMap<u64, [Option<&[u8]>; 2]> = Default::default();
    for line in lines {
        let Some(at) = line.iter().position(|&byte| byte == b'=') else { continue };
        let (key, value) = (line[..at].trim_ascii().to_ascii_lowercase(), line[at + 1..].trim_ascii());
        for (which, word) in ["file", "title"].into_iter().enumerate() {
            let number = key.strip_prefix(word.as_bytes()).and_then(|n| std::str::from_utf8(n).ok()?.parse().ok());
            if let Some(number) = number.filter(|_| !value.is_empty()) {
                found.entry(number).or_default()[which] = Some(value);
            }
        }
    }
    found.into_values().filter_map(|[file, title]| Some((file?, title))).collect()
}

/// An address as it is; else a path, from the playlist's folder on. A name that begins with a dash or `test:` is a file's here.
fn placed(name: &[u8], folder: &Path) -> Name {
    if crate::spelling::address(name).is_some() {
        return OsStr::from_bytes(name).to_owned().into();
    }
    let scheme = name.windows(3).position(|three| three == b"://").unwrap_or(0);
    if scheme > 0 && name[..scheme].iter().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(b)) {
        return OsStr::from_bytes(name).to_owned().into();
    }
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    folder.join(OsStr::from_bytes(name)).into()
}

/// The file that a playlist may have meant by a name that is no file's: one whose folders are parted as in Windows, whose letters are
/// Windows' or whose bytes are written as in an address.
pub(crate) fn alike(path: &Path) -> Option<PathBuf> {
    let bytes = path.as_os_str().as_bytes();
    let parted: Vec<u8> = bytes.iter().map(|&byte| if byte == b'\\' { b'/' } else { byte }).collect();
    let mut candidates = vec![words(bytes).into_owned().into_bytes(), words(&parted).into_owned().into_bytes()];
    candidates.extend([crate::spelling::unescaped(bytes), crate::spelling::unescaped(&parted), parted]);
    let paths = candidates.into_iter().map(|bytes| PathBuf::from(std::ffi::OsString::from_vec(bytes)));
    paths.into_iter().find(|path| path.exists())
}

/// Text in UTF-8, else in Latin-1.
fn words(text: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(text) {
        Ok(text) => text.into(),
        Err(_) => text.iter().copied().map(char::from).collect::<String>().into(),
    }
}

/// Without a mark of UTF-8's.
fn plain(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

fn wide(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &[u8]) -> Vec<(String, Option<String>)> {
        let found = read(text, Path::new("l")).unwrap();
        found.into_iter().map(|(name, title)| (name.to_string(), title)).collect()
    }

    fn some(name: &str, title: &str) -> (String, Option<String>) {
        (name.into(), Some(title.into()).filter(|t: &String| !t.is_empty()))
    }

    #[test]
    fn names_are_the_playlists_and_titles_belong_to_what_follows() {
        let m3u = b"\xef\xbb\xbf#EXTM3U\r\n# a comment\r\n#EXTINF:12 a=\"x,y\",One, two\r\na b.mp4\r\n\r\n/abs/c.mkv\r\nfile:///d%20e.mp3\n\
                    #EXTINF:-1,\n-\ntest:bars\nhttp://h/i?a=b\nCD\\2.mp3\r#EXTINF:3,E\xe9\r\xff.mp3";
        let wanted = [
            some("l/a b.mp4", "One, two"),
            some("/abs/c.mkv", ""),
            some("file:///d%20e.mp3", ""),
            some("l/-", ""),
            some("l/test:bars", ""),
            some("http://h/i?a=b", ""),
            some("l/CD\\2.mp3", ""),
            some("l/\\xff.mp3", "E\u{e9}"),
        ];
        assert_eq!(names(m3u), wanted);
        let pls = b"[Playlist]\nNumberOfEntries=3\nFile10=c\nTitle2=Two\nfile2=b.mp3\nFile1 = a\nTitle7=none\nLength1=5\nFile=x\n";
        assert_eq!(names(pls), [some("l/a", ""), some("l/b.mp3", "Two"), some("l/c", "")]);
        assert_eq!(names(b"; by hand\n\n[playlist]\nFile1=a\n"), [some("l/a", "")]);
        assert_eq!(names(b"File1=a\nFile2=file:/b\n"), [some("l/a", ""), some("file:/b", "")]);
        assert_eq!(read(b"-", Path::new("")).unwrap()[0].0.to_string(), "./-");
    }

    #[test]
    fn what_is_no_playlist_of_films_is_refused_in_words() {
        let many = "a\n".repeat(MOST + 1).into_bytes();
        let long = vec![b'#'; LONGEST as usize + 1];
        for (bytes, why) in [
            (&b"#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXTINF:6,\n0.ts\n"[..], "HTTP Live Streaming"),
            (b"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nlow.m3u8\n", "ffmpeg -nostdin -i IN"),
            (b"#EXTM3U\n# nothing\n", "names nothing"),
            (b"", "names nothing"),
            (b"\xff\xfea\0", "UTF-16"),
            (&many, "split it"),
            (&long, "4 MiB"),
        ] {
            let said = read(bytes, Path::new("")).unwrap_err();
            assert!(said.contains(why), "{said}");
        }
    }

    #[test]
    fn a_playlist_is_known_by_its_first_words_or_its_name() {
        for (head, name, is) in [
            (&b"#EXTM3U\na"[..], "a.txt", true),
            (b"\xef\xbb\xbf \n#extm3u", "a", true),
            (b"[PLAYLIST]\n", "a", true),
            (b"a.mp4\n", "a.M3U", true),
            (b"\xff\xfea\0", "a.m3u8", true),
            (b"a.mp4\n", "a.txt", false),
            (b"\0\0\0\x18ftyp", "a.m3u", false),
            (b"#", "a", false),
        ] {
            assert_eq!(is_one(head, Path::new(name)), is, "{name}");
        }
    }

    #[test]
    fn names_as_other_systems_write_them_are_found() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("\u{e4} b")).unwrap();
        std::fs::write(folder.path().join("\u{e4} b/c.mp3"), "").unwrap();
        for name in [&b"\xe4 b\\c.mp3"[..], b"\xe4 b/c.mp3", "\u{e4} b\\c.mp3".as_bytes(), b"%C3%A4%20b/c.mp3"] {
            let found = alike(&folder.path().join(OsStr::from_bytes(name)));
            assert_eq!(found, Some(folder.path().join("\u{e4} b/c.mp3")), "{:?}", OsStr::from_bytes(name));
        }
        assert_eq!(alike(&folder.path().join("other")), None);
    }
}
