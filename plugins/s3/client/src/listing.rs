use crate::answer::Answer;
use crate::encoding;
use crate::fault::Fault;
use crate::xml::Element;

/// One page of ListObjectsV2.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// In the store's order, which is that of the names' bytes.
    pub objects: Vec<Listed>,
    /// Where to go on; `None` is the end.
    pub continuation: Option<String>,
}

/// One object of a listing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// Bytes of its content.
    pub size: Option<u64>,
    /// When it was stored, as the store writes it.
    pub modified: Option<String>,
}

impl Listing {
    /// Reads the answer to [`Request::list`](crate::Request::list).
    ///
    /// # Errors
    /// It is one of an error, or of something that is no S3: a web page with status 200
    /// is what MinIO's console, and every log-in page, answers.
    pub fn read(answer: &Answer) -> Result<Self, Fault> {
        if answer.status != 200 {
            return Err(Fault::read(answer));
        }
        Self::parse(&answer.body).ok_or_else(|| Fault::not_s3(answer))
    }

    fn parse(body: &[u8]) -> Option<Self> {
        let root = Element::parse(body).filter(|root| root.name == "ListBucketResult")?;
        let encoded = root.child("EncodingType") == Some("url");
        let name = |text: &str| if encoded { encoding::decode(&text.replace('+', " ")) } else { Some(text.into()) };
        let contents = root.children.iter().filter(|child| child.name == "Contents");
        let objects = contents.map(|object| {
            Some(Listed {
                name: name(object.child("Key")?)?,
                size: object.child("Size").and_then(|size| size.parse().ok()),
                modified: object.child("LastModified").map(str::to_owned),
            })
        });
        let more = root.child("IsTruncated").is_some_and(|word| word.eq_ignore_ascii_case("true"));
        let continuation = root.child("NextContinuationToken").filter(|_| more).map(str::to_owned);
        Some(Self { objects: objects.collect::<Option<_>>()?, continuation })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FaultKind;

    fn read(status: u16, body: &str) -> Result<Listing, Fault> {
        Listing::read(&Answer { status, body: body.into(), ..Answer::default() })
    }

    #[test]
    fn pages_are_read() {
        let page = read(
            200,
            r#"<?xml version="1.0" encoding="UTF-8"?>
<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name><Prefix></Prefix><KeyCount>2</KeyCount>
<MaxKeys>2</MaxKeys><EncodingType>url</EncodingType><IsTruncated>true</IsTruncated><NextContinuationToken>t/==</NextContinuationToken>
<Contents><Key>a+b/%C3%A4%2B%21</Key><LastModified>2013-09-17T18:07:53.000Z</LastModified><ETag>&quot;59&quot;</ETag><Size>11</Size></Contents>
<Contents><Key>z</Key></Contents></ListBucketResult>"#,
        );
        let first =
            Listed { name: "a b/ä+!".into(), size: Some(11), modified: Some("2013-09-17T18:07:53.000Z".into()) };
        let last = Listed { name: "z".into(), ..Listed::default() };
        assert_eq!(page, Ok(Listing { objects: vec![first, last], continuation: Some("t/==".into()) }));
        let end = read(200, "<ListBucketResult><IsTruncated>false</IsTruncated><NextContinuationToken>x</NextContinuationToken><Contents><Key>a+%41</Key></Contents></ListBucketResult>").unwrap();
        assert_eq!((end.objects[0].name.as_str(), end.continuation), ("a+%41", None));
    }

    #[test]
    fn what_is_no_listing_is_a_fault() {
        for body in [
            "<!doctype html><html></html>",
            "<html></html>",
            "",
            "{}",
            "<ListBucketResult><Contents/></ListBucketResult>",
        ] {
            assert_eq!(read(200, body).unwrap_err().kind, FaultKind::NotS3, "{body}");
        }
        let error = read(404, "<Error><Code>NoSuchBucket</Code></Error>").unwrap_err();
        assert_eq!(error.kind, FaultKind::NoSuchBucket);
    }
}
