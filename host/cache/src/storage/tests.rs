use super::*;
use crate::kind;
use tempfile::TempDir;

async fn open(dir: &TempDir) -> Storage {
    Storage::open(dir.path()).await.unwrap()
}

fn files(storage: &Storage) -> Vec<PathBuf> {
    fs::read_dir(storage.folder()).unwrap().map(|entry| entry.unwrap().path()).collect()
}

#[tokio::test]
async fn values_come_back_and_go_away() {
    let dir = TempDir::new().unwrap();
    let storage = open(&dir).await;
    assert_eq!(storage.get("k").await, Ok(None));
    storage.put("k", b"one".to_vec()).await.unwrap();
    storage.put("k", b"two".to_vec()).await.unwrap();
    storage.put("empty", Vec::new()).await.unwrap();
    assert_eq!(open(&dir).await.get("k").await, Ok(Some(b"two".to_vec())), "another opener sees it");
    assert_eq!(storage.get("empty").await, Ok(Some(Vec::new())), "an empty value is a value");
    storage.delete("k").await.unwrap();
    storage.delete("k").await.unwrap();
    assert_eq!(storage.get("k").await, Ok(None));
}

#[tokio::test]
async fn hostile_keys_stay_inside_and_stay_apart() {
    let outer = TempDir::new().unwrap();
    let storage = Storage::open(&outer.path().join("cache")).await.unwrap();
    let long = "k".repeat(4096);
    let keys = ["../../x", "/etc/passwd", "a/b", "a\0b", "a\0c", ".", "..", "K", "k", "ä\u{202e}", "\n", long.as_str()];
    for key in keys {
        storage.put(key, key.as_bytes().to_vec()).await.unwrap();
    }
    for key in keys {
        assert_eq!(storage.get(key).await.unwrap().unwrap(), key.as_bytes(), "{key:?}");
    }
    let mut sorted = keys.map(String::from).to_vec();
    sorted.sort();
    assert_eq!(storage.list("", 100).await.unwrap(), sorted);
    assert_eq!(files(&storage).len(), keys.len());
    assert_eq!(fs::read_dir(outer.path()).unwrap().count(), 1, "nothing was written beside the directory");

    assert_eq!(storage.put("", vec![1]).await.unwrap_err().kind, kind::INVALID);
    let too_long = "k".repeat(MAX_KEY_BYTES + 1);
    assert_eq!(storage.get(&too_long).await.unwrap_err().kind, kind::TOO_LARGE);
}

#[tokio::test]
async fn a_list_is_sorted_filtered_and_bounded() {
    let dir = TempDir::new().unwrap();
    let storage = open(&dir).await;
    for key in ["b/2", "a/1", "b/1", "b/3"] {
        storage.put(key, vec![0]).await.unwrap();
    }
    assert_eq!(storage.list("b/", 2).await.unwrap(), ["b/1", "b/2"]);
    assert_eq!(storage.list("", 0).await.unwrap(), [""; 0]);
    assert_eq!(storage.list("c", 9).await.unwrap(), [""; 0]);
}

#[tokio::test]
async fn damage_is_an_error_and_never_a_miss() {
    let dir = TempDir::new().unwrap();
    let storage = open(&dir).await;
    storage.put("k", b"value".to_vec()).await.unwrap();
    let path = files(&storage).remove(0);
    let whole = fs::read(&path).unwrap();
    let mut longer = whole.clone();
    longer.push(0);
    let mut other_key = whole.clone();
    other_key[HEADER_BYTES] = b'x';
    let mut huge_length = whole.clone();
    huge_length[MAGIC.len() + 4..HEADER_BYTES].fill(0xff);
    for bad in [&whole[..whole.len() - 1], &whole[..3], b"", &longer, &other_key, &huge_length] {
        fs::write(&path, bad).unwrap();
        assert_eq!(storage.get("k").await.unwrap_err().kind, kind::INTEGRITY, "{} bytes", bad.len());
    }
    storage.put("k", b"again".to_vec()).await.unwrap();
    assert_eq!(storage.get("k").await.unwrap().unwrap(), b"again");

    fs::remove_dir_all(storage.folder()).unwrap();
    assert_eq!(storage.get("k").await.unwrap_err().kind, kind::CONFIGURATION, "the folder was removed");
}

#[tokio::test]
async fn a_damaged_entry_does_not_hide_the_others() {
    let dir = TempDir::new().unwrap();
    let storage = open(&dir).await;
    storage.put("k", vec![1]).await.unwrap();
    fs::write(storage.folder().join("0".repeat(64)), b"junk").unwrap();
    fs::write(storage.folder().join("README"), b"not ours").unwrap();
    assert_eq!(storage.list("", 9).await.unwrap(), ["k"]);
}

#[tokio::test]
async fn directories_that_cannot_be_used_are_named() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, b"").unwrap();
    for bad in ["", "relative/cache", "/tmp/../etc/cache", "/tmp/a\0b", file.to_str().unwrap()] {
        let error = Storage::open(Path::new(bad)).await.unwrap_err();
        assert_eq!(error.kind, kind::CONFIGURATION, "{bad}: {error}");
    }
    let below = Storage::open(&file.join("below")).await.unwrap_err();
    assert_eq!(below.kind, kind::CONFIGURATION, "{below}");
}

#[tokio::test]
async fn a_directory_that_cannot_be_written_is_forbidden() {
    // Writing is refused in sysfs whoever asks, root too.
    let sysfs = Path::new("/sys/kernel/seaworthy");
    let error = Storage::open(sysfs).await.unwrap_err();
    assert_eq!((error.kind.as_str(), error.operation.as_str()), (kind::FORBIDDEN, "open"), "{error}");
    assert_eq!(error.context["path"], sysfs.display().to_string());
}

#[tokio::test]
async fn what_is_created_is_private() {
    let dir = TempDir::new().unwrap();
    let configured = dir.path().join("a/b");
    let storage = Storage::open(&configured).await.unwrap();
    storage.put("k", vec![1]).await.unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
    assert_eq!((mode(&configured), mode(storage.folder()), mode(&files(&storage)[0])), (0o700, 0o700, 0o600));

    // What was there keeps its permissions; the folder inside is closed again.
    fs::set_permissions(&configured, fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(storage.folder(), fs::Permissions::from_mode(0o777)).unwrap();
    Storage::open(&configured).await.unwrap();
    assert_eq!((mode(&configured), mode(storage.folder())), (0o755, 0o700));
}

#[tokio::test]
async fn a_folder_that_is_a_link_is_refused() {
    let (dir, elsewhere) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    std::os::unix::fs::symlink(elsewhere.path(), dir.path().join(FOLDER)).unwrap();
    assert_eq!(Storage::open(dir.path()).await.unwrap_err().kind, kind::FORBIDDEN);
}

#[tokio::test]
async fn abandoned_writes_are_removed_and_fresh_ones_kept() {
    let dir = TempDir::new().unwrap();
    let storage = open(&dir).await;
    let (old, fresh) = (storage.temporary_path(), storage.temporary_path());
    for path in [&old, &fresh] {
        fs::write(path, b"half").unwrap();
    }
    let long_ago = SystemTime::now() - 2 * ABANDONED;
    File::options().write(true).open(&old).unwrap().set_modified(long_ago).unwrap();
    open(&dir).await;
    assert_eq!((old.exists(), fresh.exists()), (false, true));
}

#[tokio::test]
async fn writers_at_once_leave_one_whole_value() {
    let dir = TempDir::new().unwrap();
    let storage = open(&dir).await;
    let values: Vec<Vec<u8>> = (0..8_u8).map(|n| vec![n; 100_000]).collect();
    let writes = values.iter().map(|value| storage.put("k", value.clone()));
    for done in futures::future::join_all(writes).await {
        done.unwrap();
    }
    assert!(values.contains(&storage.get("k").await.unwrap().unwrap()));
    assert_eq!(files(&storage).len(), 1, "no temporary file is left");
}
