"""Every text of the page, in one place; knows nothing of where it is shown."""

from __future__ import annotations

PRODUCT = "Article QA"
TAGLINE = "Ask your articles. Every answer is quoted from them."

# Tabs
TAB_ASK = "Ask"
TAB_ARTICLES = "Articles"

# Asking
EMPTY_TITLE = "What would you like to know?"
EMPTY_TEXT = (
    "Ask as you would ask a colleague who has read them all, and name who or what you mean. "
    "You get a short answer with the sentences it rests on, or a plain “the articles do not say”."
)
EMPTY_EXAMPLES = "Try one of these"
QUESTION_LABEL = "Your question"
QUESTION_PLACEHOLDER = "Ask in a full sentence"
AS_OF_LABEL = "As of"
AS_OF_TOOLTIP = "Optional: the day the question is asked on. Articles from around it count for more."
SEND = "Ask"
STOP = "Stop"
RETRY = "Ask again"
EDIT = "Edit question"
NEW_CONVERSATION = "Start over"
YOU = "You asked"

WAITING_FOR_MODELS = "The models are still loading. Your question is asked as soon as they are ready."
SEARCHING = "Searching the articles"
READING = "Reading {count} passages"
WRITING = "Writing"
STOPPED = "Stopped. Nothing above was checked against the articles."
STOPPED_EARLY = "Stopped before anything was written."
FAILED_TITLE = "This question was not answered"
FAILED_UNEXPECTED = "Something went wrong inside the program; its log says what. Your question is kept: ask again."

NOT_IN_ARTICLES_TITLE = "The articles do not say"
NO_ARTICLES_TITLE = "There are no articles yet"
NO_ARTICLES_TEXT = "Add one in the Articles tab (a file, several, or pasted text) and ask again."
NO_ARTICLES_BUTTON = "Add articles"

UNDERSTOOD_AS = "Understood as “{question}”"
CONFIDENCE_WORDS = ((0.85, "High confidence"), (0.6, "Medium confidence"), (0.0, "Low confidence"))
CONFIDENCE_MEANING = (
    "Right {often} at this level, measured on questions whose answers are known. The quote shows what it rests on."
)
CONFIDENCE_TENTHS = "about {tenths} times in 10"
CONFIDENCE_ABOVE = "more than 9 times in 10"
CONFIDENCE_BELOW = "less than 2 times in 10"
CHECKING = "Being checked"
CHIP_LABEL = "Source {marker}: {source}, {day}"
WINDOW_TOOLTIP = "Articles of these days count for more; others are found too."
WINDOW_REMOVE = "Ask again without “{phrase}”"
NOTES_LABEL = "Notes on this answer"
UPDATED_ON = "updated on {day}"

# Asking: filters and actions
FILTERS = "Filters"
FILTERS_HINT = "They hold for every question until you remove them."
FILTERS_ACTIVE = "The next question is asked with"
FILTERS_IMPOSSIBLE = "The first day comes after the last one: nothing can be found."
FILTER_AFTER = "Published from"
FILTER_BEFORE = "Published until"
FILTER_SOURCE = "Source"
FILTER_ANY_SOURCE = "Any source"
FILTER_AFTER_CHIP = "From {day}"
FILTER_BEFORE_CHIP = "Until {day}"
FILTER_SOURCE_CHIP = "Only {source}"
AS_OF_CHIP = "As of {day}"
FILTER_REMOVE = "Remove “{filter}”"
REMOVE_SIGN = "×"
MODE_FAST = "Quotes only"
MODE_FAST_HINT = "Faster: the short answer with its quote, and nothing written under it."
MODE_FAST_CHIP = "Quotes only"
EDITING = "Editing your last question"
EDITING_STOP = "Keep the last question and ask a new one"
QUESTION_TOO_LONG = "The question has {length} characters; at most {most} are taken."
ANSWERED_IN = "Answered in {seconds} s"
COPY = "Copy"
COPY_WITH_SOURCES = "Copy with sources"
COPY_SOURCES_TITLE = "Sources"
COPIED = "Copied"
COPY_FAILED = "Your browser did not allow copying"
SOURCES_BUTTON = "Sources"
SAID_SHORT_ANSWER = "Short answer: {answer}. More is being written."
SAID_DONE = "Answered: {answer}. Quotes: {count}."
SAID_STOPPED = "Stopped."
EMPTY_HINTS = (
    ("The short answer comes first,", "with the sentence it was found in."),
    ("Every sentence names its source.", "Point at a number to see the quote; click it to read on in the article."),
    ("Narrow it down", "with Filters: days, a source, or the day to look back from."),
)
SHORTCUTS_TITLE = "Keyboard"
SHORTCUTS = (
    ("/", "to the question"),
    ("Enter", "asks"),
    ("Shift + Enter", "new line"),
    ("Esc", "closes, or stops the answer"),
)

# Asking: no answer
NOT_FOUND_READ = "None of the {count} passages that came closest answers this question."
NOT_FOUND_NOTHING = "No passage was found for this question."
LOOKED_FOR = "Looked for"
LOOKED_WINDOW = "Days"
LOOKED_FILTERS = "Where"
LOOKED_EVERYWHERE = "all articles"
CLOSEST_ARTICLES = "The closest articles"
REMEDIES = "What you can do"
WITHOUT_FILTERS = "Ask again without filters"

# Sources
SOURCES_TITLE = "Sources"
SOURCES_EMPTY = "The passages an answer rests on appear here, with the words it quotes highlighted."
EVIDENCE_TITLE = "Found passages"
EVIDENCE_NOTE = "The answer is being written from these."
CLOSEST_TITLE = "Closest passages"
CLOSEST_NOTE = "None of these answers the question."
OTHER_PASSAGES = "Other passages that were read ({count})"
OPEN_ARTICLE = "Read in article"
ORIGINAL = "Original"
ORIGINAL_LABEL = "Original of “{title}” (opens in a new tab)"
UNKNOWN_SOURCE = "Unknown source"
ALSO_IN = "Also in {count} outlets"
ALSO_IN_ONE = "Also in 1 outlet"
ALSO_IN_MORE = "{count} more"
ALSO_BY_ITSELF = "Also in another article of the same outlet"
NO_DATE = "no date"

# Reading an article
BACK_TO_SOURCES = "Back to sources"
BACK_TO_CHAT = "Back to the answer"
ARTICLE_CHANGED = "The article was revised after this answer; the quoted words are no longer in it."
REVISIONS = "{count} revisions"
ADDED_AT = "Added {day}"
REMOVE_NO = "Keep"

# Articles
SEARCH_LABEL = "Search articles"
SEARCH_PLACEHOLDER = "Title, source or address"
UPLOAD_LABEL = "Files to add"
UPLOAD_HINT = (
    "Text, Markdown, HTML, PDF, Word, e-mail, JSON or JSON lines"
    " (.txt .md .html .pdf .docx .eml .json .jsonl .jsonl.gz)"
)
PASTE_TITLE_LABEL = "Title (optional)"
PASTE_TEXT_LABEL = "Text of the article"
PASTE_TEXT_PLACEHOLDER = "The article’s text; its first line becomes the title"
PASTE_BUTTON = "Add text"
PASTED = "Pasted text"
REBUILD = "Rebuild index"

STAGE_UPLOADED = "reading files"
INDEXED = "Ready to be asked about."
NOT_INDEXED = "Stored, but not searchable yet: {error}"
REBUILT = "The index was rebuilt: {generation}."
VERDICT_WORDS = (("added", "added"), ("revised", "revised"), ("unchanged", "unchanged"), ("duplicates", "duplicate"))
VERDICT_REJECTED = "rejected"
VERDICT_EMPTY = "no articles in it"

# Status line
STATUS_READY = "Ready"
STATUS_ERROR = "A model could not be loaded"
STATUS_ARTICLES = "{count} articles"
STATUS_ONE_ARTICLE = "1 article"
STATUS_NEWEST = "newest {day}"
STATUS_NO_GENERATION = "no index yet"
ARRIVALS = "{count:,} new articles since {since}"
ARRIVALS_ONE = "1 new article since {since}"
ARRIVALS_CHANGED = "Articles changed since {since}"
ARRIVALS_SINCE_OPENED = "you opened this page"
ARRIVALS_SINCE_QUESTION = "your last question"

# Chat completions
CHAT_SOURCES = "Sources:"
CHAT_CLOSEST = "Closest articles:"

# Kept conversations
HISTORY_OPEN = "History"
HISTORY_TITLE = "Your conversations"
HISTORY_CLOSE = "Close"
HISTORY_EMPTY = "What you ask is listed here once it is answered. Nobody else sees it."
HISTORY_OFF = "Your conversations are not kept."
HISTORY_PROBLEM = "Your conversations cannot be kept or read"
HISTORY_QUESTION = "{count} question"
HISTORY_QUESTIONS = "{count} questions"
HISTORY_DELETE = "Delete"
HISTORY_DELETE_LABEL = "Delete “{title}”"
HISTORY_DELETE_QUESTION = "Delete this conversation and your feedback on it?"
HISTORY_DELETE_ALL = "Delete all conversations"
HISTORY_DELETE_ALL_QUESTION = "Delete all your conversations and feedback?"
HISTORY_KEEP = "Keep my conversations"
HISTORY_KEEP_HINT = "On the computer that serves this page. When off, new questions are not kept."
LOST_TITLE = "This answer is no longer kept"
LOST_REMOVED = "An article it quoted was removed. Ask again for an answer from the articles there are now."
LOST_DAMAGED = "Its record is damaged. Ask again for a new answer."

# Feedback and suggestions
FEEDBACK_LABEL = "Is this answer right?"
FEEDBACK_FORM_LABEL = "What is wrong with this answer"
FEEDBACK_REASON_LABEL = "What is wrong? (optional)"
FEEDBACK_CHANGE = "Say why"
FEEDBACK_SEND = "Save"
FEEDBACK_CANCEL = "Not now"
FEEDBACK_THANKS = "Thank you. Saved."
FEEDBACK_FAILED = "This could not be saved"
FEEDBACK_HINT = (
    "Kept with the question and the short answer on the computer that serves this page, to check and improve answers."
)
THUMB_UP = "Yes, it is right"
THUMB_DOWN = "No, something is wrong"
REASON_WRONG = "Wrong"
REASON_NOT_IN_ARTICLES = "Not in the articles"
REASON_WRONG_SOURCE = "Wrong source"
REASON_OUT_OF_DATE = "Out of date"
REASON_OTHER = "Something else"
RIGHT_ANSWER_LABEL = "The right answer is (optional)"
COMMENT_LABEL = "Anything else (optional)"
SUGGESTIONS_LABEL = "You could ask next"
