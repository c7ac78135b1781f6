"""Labels of tools whose files are not read, recognized by a word in them, so that users learn what to convert."""

from src.datasets.folder import Folder

_TOOLS = {"shape_attributes": "VIA", "keypointlabels": "Label Studio"}


def describe_unread(folder: Folder) -> str:
    """Which tool a folder's labels come from, and what to do; "" if none is known."""
    for name, head in (*folder.peek(".json"), *folder.peek(".csv")):
        for word, tool in _TOOLS.items():
            if word in head:
                return f"labels of {tool} ({name}); convert them to coco, dlib or another of these"
    return ""
