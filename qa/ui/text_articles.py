"""Every text of the Articles tab, in one place; knows nothing of where it is shown."""

from __future__ import annotations

VIEW_BROWSE = "Browse"
VIEW_ADD = "Add"
VIEW_ARRIVALS = "Arrivals"
VIEW_INDEX = "Index"

# The list
FILTERS = "Sort and filter the articles"
SOURCE = "Source"
ANY_SOURCE = "Any source"
NO_SOURCE = "Unknown source"
SOURCE_OPTION = "{source} ({count:,})"
FROM = "From"
UNTIL = "Until"
SORT = "Sort by"
SORTS = {
    "newest": "Newest first",
    "oldest": "Oldest first",
    "added": "Last added",
    "title": "Title, A to Z",
    "source": "Source, A to Z",
}
FOUND = "{total:,} articles"
FOUND_ONE = "1 article"
FOUND_NONE = "No articles"
FOUND_WITH = "with"
CHIP_QUERY = "“{value}”"
CHIP_SOURCE = "Source: {value}"
CHIP_AFTER = "From {value}"
CHIP_BEFORE = "Until {value}"
REMOVE_FILTER = "Remove the filter {filter}"
CLEAR = "Clear all"
SIGN_REMOVE = "×"
WRONG_ORDER = "“From” is later than “Until”, so no day lies between them. Change one of the two."
NO_MATCH_TITLE = "No article matches"
NO_MATCH_TEXT = "Search looks at titles, sources and addresses; ask on the Ask tab to search the texts."
EMPTY_TITLE = "No articles yet"
EMPTY_TEXT = "Answers come from the articles that you put in here. There are three ways:"
EMPTY_WAYS = (
    ("Files", "Text, PDF, Word, e-mail, web pages or JSON lines: drop in one or a thousand."),
    ("An address", "A page, or a feed that is read again every hour."),
    ("A text", "Paste it; its first line becomes the title."),
)
EMPTY_BUTTON = "Add articles"
PAGE_OF = "{first:,}–{last:,} of {total:,}"
PAGES = "Pages of the list"
PREVIOUS = "Previous"
NEXT = "Next"
REVISED_TAG = "revised"
READING_EMPTY = "Choose an article to read it here."

# The chart
CHART_DAYS = "Articles per day"
CHART_MONTHS = "Articles per month"
CHART_UNIT = "One bar for each"
UNIT_DAY = "day"
UNIT_MONTH = "month"
CHART_DESCRIPTION = "{total:,} articles from {first} to {last}; the most in one {unit}: {most:,}, {when}."
CHART_OTHERS = "Other sources"
CHART_TABLE = "Show as a table"
CHART_UNIT_HEAD = {"day": "Day", "month": "Month"}
CHART_ALL = "All"
CHART_ONLY = "Show only {source}"
CHART_NONE = "No dated articles to count."

# Reading
CLOSE = "Close"
REMOVE = "Remove"
REVISIONS = "{count} revisions"
REVISION_LIST = "Revisions"
REVISION_CURRENT = "current"
REVISION_CAME = "came {when}"
REVISION_OPEN = "Read"
REVISION_OLD = "You are reading an older revision, which came {when}. Questions are answered from the current one."
REVISION_BACK = "Read the current one"
REVISION_GONE = "This revision is no longer there; the article was changed or removed."
DIFF_TITLE = "What changed"
DIFF_SHOW = "What changed"
DIFF_HIDE = "Read its text"
DIFF_AGAINST = "Compared with the revision before it, which came {when}."
DIFF_NOTHING = "The text is the same."
DIFF_SKIPPED = "{count} paragraphs as before"
DIFF_SKIPPED_ONE = "1 paragraph as before"
DIFF_FIELD = "{name}: {old} → {new}"
DIFF_FIELDS = {"title": "Title", "source": "Source", "published_at": "Date"}
DIFF_ADDED = "Added:"
DIFF_REMOVED = "Removed:"

# Removing
REMOVE_QUESTION = "Remove this article for good? Its text is deleted from the library and from every kept index."
REMOVE_YES = "Remove"
REMOVE_NO = "Keep"
REMOVING = "removing"
REMOVED = "“{title}” was removed"
REMOVED_TEXT = (
    "Its text is deleted from every file. For {seconds} seconds it is still in this server’s memory, "
    "so that you can undo it."
)
REMOVED_NOT_INDEXED = "Its text is deleted from the library, but not yet from the index: {error}"
UNDO = "Undo"
UNDO_WITH = "Undo (brings back {count} revisions)"
UNDOING = "putting it back"
UNDONE = "“{title}” is back"
UNDONE_TEXT = "With every revision and its dates. Answers kept from before that cited it stay without it."
UNDONE_NOT_INDEXED = "It is in the library again, but not yet searchable: {error}"
UNDO_LATE = "Too late to undo"
UNDO_LATE_TEXT = "The text has left this server’s memory. Add the article again if you still have it."
UNDO_OVER = "Removed for good."

# Adding
ONLY_EDITORS_TITLE = "You can read and ask, not change"
ONLY_EDITORS_TEXT = "Only editors add, remove and rebuild here. Log in as one, or ask an editor."
DROP_HERE = "Drop files here, or click to choose them"
DROP_TITLE = "Drop in files"
DROP_HINT = "Text, Markdown, HTML, PDF, Word, e-mail, JSON or JSON lines; several at once, each judged by itself."
ADDRESS_TITLE = "Add from the web"
ADDRESS_HINT = (
    "A page, an RSS or Atom feed, or a sitemap; of a feed, the pages it links to. Only what you enter is fetched, "
    "and nothing in private networks."
)
ADDRESS_LABEL = "Address of a page, feed or sitemap"
ADDRESS_PLACEHOLDER = "https://example.org/feed.xml"
ADDRESS_BUTTON = "Read it"
AGAIN_LABEL = "Read it again"
AGAIN = {0: "only once", 15: "every 15 minutes", 60: "every hour", 360: "every 6 hours", 1440: "every day"}
AGAIN_NOTED = "It is read again {often}, also after a restart. You find it under “Arrivals”."
AGAIN_FAILED = "It is not read again: {error}"
PASTE_TITLE = "Paste a text"
WAITING = "waiting"
FILES_DONE = "{done} of {total}"

# What arrived
ARRIVALS_TITLE = "What came when"
ARRIVALS_HINT = "Times are in UTC."
ARRIVALS_EMPTY = "Nothing has arrived yet. What you add, and what sources bring, is noted here."
ARRIVED_ADDED = "{count:,} added"
ARRIVED_REVISED = "{count:,} revised"
LATEST_TITLE = "Last to arrive"
SOURCES_TITLE = "Sources that are read again"
SOURCES_EMPTY = "None yet. Add a feed and choose how often to read it, or list sources in article-qa.toml."
SOURCE_NEVER = "not read yet"
SOURCE_READ = "read {when}"
SOURCE_DUE = "next {when}"
SOURCE_EVERY = "every {minutes} min"
SOURCE_TOTALS = "{added:,} added, {revised:,} revised so far"
SOURCE_FAILING = "Failing: {error}"
SOURCE_STOP = "Stop"
SOURCE_STOP_LABEL = "Stop reading {address} again"
SOURCE_STOPPED = "{address} is not read again. What came of it stays."

# Index
INDEX_TITLE = "Index"
INDEX_HINT = "The index is what is searched. It is made from the library, which keeps every text."
INDEX_GENERATION = "Generation"
INDEX_BUILT = "Built"
INDEX_SEARCHED = "Searchable"
INDEX_SEARCHED_VALUE = "{articles:,} articles in {passages:,} passages"
INDEX_LIBRARY = "Library"
INDEX_LIBRARY_VALUE = "{articles:,} articles, {revisions:,} revisions"
INDEX_MODELS = "Models"
INDEX_STATE = "State"
INDEX_GOOD = "up to date and whole"
INDEX_BEHIND = "{count:,} articles of the library are not searchable on their own: duplicates, or not indexed yet"
INDEX_NONE = "no index yet"
REBUILD_HINT = "Rarely needed: articles are indexed as they come."
GENERATIONS_TITLE = "Earlier states"
GENERATIONS_HINT = "The last few states of the index are kept. Going back hides what came later until the next update."
GENERATIONS_SHOW = "Show earlier states"
GENERATIONS_HIDE = "Hide"
GENERATION_LIVE = "in use"
GENERATION_FACTS = "{articles:,} articles · built {when}"
GENERATION_DAMAGED = "damaged: {damage}"
GENERATION_BACK = "Go back"
GENERATION_BACK_LABEL = "Go back to {name}"
ROLLBACK_QUESTION = (
    "Go back to {name}? What came after it is not found until the index is updated. The library keeps everything."
)
ROLLBACK_YES = "Go back"
ROLLBACK_NO = "Stay"
ROLLED_BACK = "{name} is in use now. “Rebuild index” brings back what came later."
