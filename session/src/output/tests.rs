use super::*;
use std::io::Read;
use std::os::unix::fs::{PermissionsExt, symlink};

/// A folder that is removed again.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("tricine-output-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(&self.0).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn open(path: &Path) -> io::Result<Output> {
    Output::open(path, || panic!("it waits"))
}

#[test]
fn a_regular_file_is_replaced_whole_and_keeps_its_mode() {
    let folder = Folder::new("replace");
    let path = folder.0.join("r.json");
    open(&path).unwrap().write(b"one").unwrap();
    for mode in [0o600, 0o640, 0o606] {
        fs::write(&path, b"one").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let old = fs::metadata(&path).unwrap().ino();
        let mut writer = open(&path).unwrap().begin().unwrap();
        writer.write_all(b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"one", "nothing of it before all of it is there");
        writer.finish().unwrap();
        let metadata = fs::metadata(&path).unwrap();
        assert_eq!((fs::read(&path).unwrap().as_slice(), metadata.mode() & 0o777), (b"two".as_slice(), mode));
        assert_ne!(metadata.ino(), old, "another file, so that who reads the old one reads it whole");
        assert_eq!(folder.names(), ["r.json"]);
    }
}

#[test]
fn what_is_not_finished_leaves_the_old_file_and_nothing_else() {
    let folder = Folder::new("unfinished");
    let path = folder.0.join("r.json");
    fs::write(&path, "one").unwrap();
    let mut writer = open(&path).unwrap().begin().unwrap();
    writer.write_all(b"two").unwrap();
    drop(writer);
    drop(open(&folder.0.join("new")).unwrap());
    assert_eq!((fs::read(&path).unwrap().as_slice(), folder.names()), (b"one".as_slice(), vec!["r.json".to_owned()]));
}

#[test]
fn a_symbolic_link_is_followed_and_stays_one() {
    let folder = Folder::new("link");
    fs::create_dir(folder.0.join("sub")).unwrap();
    let link = folder.0.join("link");
    symlink("sub/second", &link).unwrap();
    symlink("../file", folder.0.join("sub/second")).unwrap();
    for text in ["new", "old"] {
        open(&link).unwrap().write(text.as_bytes()).unwrap();
        assert_eq!(fs::read_to_string(folder.0.join("file")).unwrap(), text);
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(identity(&link), identity(&folder.0.join("file")));
    }
    symlink("round", folder.0.join("round")).unwrap();
    assert_eq!(open(&folder.0.join("round")).unwrap_err().raw_os_error(), Some(Errno::ELOOP as i32));
    assert_eq!(folder.names(), ["file", "link", "round", "sub"]);
}

#[test]
fn a_device_is_written_straight_and_stays_one() {
    open(Path::new("/dev/null")).unwrap().write(b"x").unwrap();
    assert!(fs::metadata("/dev/null").unwrap().file_type().is_char_device());
    let full = open(Path::new("/dev/full")).unwrap().write(b"x").unwrap_err();
    assert_eq!(full.kind(), ErrorKind::StorageFull);
}

#[test]
fn a_fifo_is_written_straight_and_waits_for_its_reader() {
    let folder = Folder::new("fifo");
    let path = folder.0.join("fifo");
    nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let (told, tell) = (std::sync::mpsc::channel::<()>(), path.clone());
    let reader = std::thread::spawn(move || {
        told.1.recv().unwrap();
        let mut text = String::new();
        File::open(tell).unwrap().read_to_string(&mut text).unwrap();
        text
    });
    let mut waited = false;
    let output = Output::open(&path, || {
        waited = true;
        told.0.send(()).unwrap();
    });
    output.unwrap().write(b"through").unwrap();
    assert_eq!((reader.join().unwrap().as_str(), waited), ("through", true));
    // With somebody reading already there is nothing to wait for.
    let _reader = OpenOptions::new().read(true).custom_flags(O_NONBLOCK).open(&path).unwrap();
    open(&path).unwrap().write(b"x").unwrap();
    assert!(fs::metadata(&path).unwrap().file_type().is_fifo());
}

#[test]
fn standard_output_has_four_names() {
    for name in ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"] {
        let output = open(Path::new(name)).unwrap();
        assert!(output.is_stdout() && identity(Path::new(name)) == Some(Identity::Stdout), "{name}");
    }
}

#[test]
fn two_names_of_one_file_are_one_and_a_device_is_nobody_s() {
    let folder = Folder::new("identity");
    let (a, b) = (folder.0.join("a"), folder.0.join("../").join(folder.0.file_name().unwrap()).join("a"));
    assert!(identity(&a).is_some() && identity(&a) == identity(&b) && identity(&a) != identity(&folder.0.join("c")));
    fs::write(&a, "").unwrap();
    assert!(matches!(identity(&a), Some(Identity::There(..))) && identity(&a) == identity(&b));
    assert_eq!((identity(Path::new("/dev/null")), identity(Path::new("/nowhere/a"))), (None, None));
}

#[test]
fn what_cannot_be_written_is_known_before() {
    let folder = Folder::new("unwritable");
    for (path, kind) in [
        (folder.0.clone(), ErrorKind::IsADirectory),
        ("/".into(), ErrorKind::IsADirectory),
        (folder.0.join("nowhere/file"), ErrorKind::NotFound),
        (folder.0.join("new/"), ErrorKind::IsADirectory),
        ("".into(), ErrorKind::IsADirectory),
        ("/proc/file".into(), ErrorKind::NotFound),
    ] {
        assert_eq!(open(&path).map(drop).map_err(|e| e.kind()), Err(kind), "{path:?}");
    }
    fs::write(folder.0.join("file"), "").unwrap();
    assert_eq!(open(&folder.0.join("file/below")).unwrap_err().kind(), ErrorKind::NotADirectory);
}

#[test]
fn a_file_in_a_folder_that_takes_no_other_is_written_in_place() {
    // Root may write anywhere but here: a name that the kernel keeps for us alone.
    let path = Path::new("/proc/self/comm");
    let before = fs::read(path).unwrap();
    let output = open(path).unwrap();
    assert!(matches!(output.way, Way::InPlace(_)), "{output:?}");
    output.write(before.trim_ascii_end()).unwrap();
    assert_eq!(fs::read(path).unwrap(), before);
}
