"""The table of the 49 channels. Its numbers and names are those of docs/blinding.md."""

from tests.blinding.channels import Channel
from tests.blinding.channels import by_crawl as crawl
from tests.blinding.channels import by_files as files
from tests.blinding.channels import by_scalar as scalars
from tests.blinding.channels.by_scalar import pixels, scalar
from tests.blinding.channels.by_swap import swap

CHANNELS = (
    Channel(
        1,
        "sequential keys",
        "scalars",
        "ids counted up in the order of the key",
        scalar(scalars.sequential_ids),
    ),
    Channel(2, "one public id for two readers", "crawl", "the case's key in a header", crawl.shared_names),
    Channel(3, "parts of addresses", "swap", "another frame address", swap("a part of the address")),
    Channel(4, "file names", "two blind halves", "images named by arm", files.halves(files.renamed)),
    Channel(5, "storage paths", "scalars", "stored names begin by arm", scalar(scalars.storage_names)),
    Channel(6, "EXIF, XMP, ICC", "canary", "a JPEG unchanged", files.unsanitised("jpg")),
    Channel(7, "PNG chunks", "canary", "a PNG unchanged", files.unsanitised("png")),
    Channel(8, "DICOM tags", "canary", "a DICOM file unchanged", files.unsanitised("dcm")),
    Channel(9, "bytes behind the end", "structure of files", "one byte behind the end", files.tail),
    Channel(10, "burned-in text", "scalars", "a bright mark in a corner", scalar(pixels(scalars.letters))),
    Channel(11, "size, depth, aspect", "scalars", "one row less", scalar(pixels(scalars.cropped))),
    Channel(12, "JPEG tables", "sealed leak report", "one arm saved finer", files.jpeg_tables),
    Channel(
        13, "double compression", "scalars", "one arm compressed once more", scalar(pixels(scalars.twice))
    ),
    Channel(
        14, "other source or resampling", "scalars", "one arm resampled", scalar(pixels(scalars.resampled))
    ),
    Channel(15, "Content-Length", "swap", "frames longer by a byte", swap("frame longer by a byte")),
    Channel(16, "ETag", "swap", "the header", swap("ETag")),
    Channel(17, "Last-Modified", "swap", "the header", swap("Last-Modified")),
    Channel(18, "cache hits", "swap", "an Age header", swap("Age")),
    Channel(19, "response time, number of queries", "scalars", "20 ms more", scalars.response_time),
    Channel(20, "data attributes and JSON", "swap", "a value in the state", swap("a value in the state")),
    Channel(21, "writing of labels", "swap", "a space after a label", swap("a space after a label")),
    Channel(22, "frequency of labels", "scalars", "rare labels in one arm", scalar(scalars.rare_labels)),
    Channel(23, "order by arm", "scalars", "one arm first", scalar(scalars.order)),
    Channel(24, "matched cases near each other", "orders", "sorted by group", crawl.neighbours),
    Channel(25, "one order for all", "orders", "the same order twice", crawl.one_order),
    Channel(
        26, "repeats marked, or the same bytes", "crawl", "the state counts presentations", crawl.repeats
    ),
    Channel(27, "what is fetched ahead", "swap", "nothing ahead in one arm", swap("what is fetched ahead")),
    Channel(28, "words of progress", "swap", "another position", swap("words of progress")),
    Channel(29, "running statistics", "crawl", "the mean answer in a header", crawl.running_statistics),
    Channel(30, "listings", "matrix of addresses", "an address that lists", crawl.addresses("api/cases/")),
    Channel(31, "filters", "crawl", "a filter that answers", crawl.filters),
    Channel(32, "admin pages", "registry", "the cases' table", crawl.admin_pages),
    Channel(33, "error pages", "swap", "410 instead of 404", swap("status of an error")),
    Channel(
        34, "mail and logs", "canary", "a source in a log line, a seed in an invitation", crawl.mail_and_logs
    ),
    Channel(
        35, "exports before unblinding", "crawl", "an empty field in the trail's file", crawl.early_exports
    ),
    Channel(36, "order of rows", "scalars", "one arm's rows after the other's", scalar(scalars.row_order)),
    Channel(
        37, "source maps", "static scan", "a comment that points to one", files.static(files.map_comment)
    ),
    Channel(
        38, "static manifests", "static scan", "a telling name in a manifest", files.static(files.manifest)
    ),
    Channel(
        39, "the browser's storage", "static scan", "a script that keeps", files.static(files.kept_answers)
    ),
    Channel(40, "cookies", "swap", "a cookie", swap("cookie")),
    Channel(41, "headers and Referer", "swap", "another Referrer-Policy", swap("Referrer-Policy")),
    Channel(42, "titles and texts for images", "swap", "a stop in the title", swap("title")),
    Channel(43, "the viewer's first window", "swap", "a window wider by one", swap("window")),
    Channel(44, "failures by arm", "swap", "frames that are gone", swap("a missing frame")),
    Channel(
        45, "sockets and metrics", "matrix of addresses, crawl", "ratings counted on two pages", crawl.health
    ),
    Channel(46, "text of invitations", "words", "'control' in a study's title", crawl.written_words),
    Channel(
        47,
        "unblinding while others read",
        "state of the studies",
        "the service that refuses it taken away",
        crawl.early_unblinding,
    ),
    Channel(
        48, "the key or a copy under the web root", "canary", "the key among static files", files.site_files
    ),
    Channel(49, "the tone of the first picture", "scalars", "one arm steeper", scalar(scalars.tone)),
)
