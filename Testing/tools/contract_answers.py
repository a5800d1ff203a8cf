"""The JSON Schemas of what applications answer, the ``data`` of a response, for ``make_documents.py``.

The hub passes such data on as it is: these say what askers read. Other members may stand beside those that are named.
"""

from __future__ import annotations

from contract_shapes import TEXT, Schema, items, shape

ANY_TEXT: Schema = {"type": "string"}
TEXT_OR_NULL: Schema = {"type": ["string", "null"]}
COUNT: Schema = {"type": "integer", "minimum": 0}
NUMBER: Schema = {"type": "number"}
SWITCH: Schema = {"type": "boolean"}
SHARE: Schema = {"type": "number", "minimum": 0, "maximum": 1}


def words(*names: str) -> dict[str, Schema]:
    """Members that are text, which may be empty."""
    return dict.fromkeys(names, ANY_TEXT)


def numbers(count: int, text: str) -> Schema:
    return items(NUMBER, minItems=count, maxItems=count, description=text)


def keyed(key: str, resource: Schema) -> Schema:
    """An item of a context."""
    return shape({"key": {"const": key}, "resource": resource})


PICTURE: dict[str, Schema] = {
    "contentType": {"enum": ["image/png", "image/jpeg"]},
    "data": {**TEXT, "contentEncoding": "base64"},
}
PIXELS: dict[str, Schema] = {"width": COUNT, "height": COUNT}


STUDY = keyed(
    "study",
    shape(
        {},
        {
            "resourceType": {"const": "ImagingStudy"},
            **words("id", "uid", "status"),
            "identifier": items(shape({}, words("system", "value"))),
            "subject": {"type": "object"},
        },
        description="The resource of the ImagingStudy-open by which it was opened, unchanged.",
    ),
)
SOURCE: dict[str, Schema] = {"source": {"const": "status"}, "product": ANY_TEXT}
ITEMS = items(
    shape(
        {"key": TEXT, "value": ANY_TEXT},
        {"message": ANY_TEXT, "progress": SHARE, "studyInstanceUID": ANY_TEXT},
        description=(
            "availability: online; job: idle or running, with message and progress; problem: one word, a sentence as"
            " message and the study it is about; waiting: jobs, counted."
        ),
    )
)
CODE: Schema = {"anyOf": [shape(words("scheme", "value", "meaning")), {"type": "null"}]}
SEGMENT = shape(
    {
        "number": {"type": "integer", "minimum": 1},
        "label": ANY_TEXT,
        "color": items(SHARE, minItems=3, maxItems=3, description="Red, green and blue."),
        "terminology": shape(dict.fromkeys(("category", "type", "typeModifier", "region"), CODE)),
        "voxelCount": COUNT,
        "volumeMm3": {"type": "number", "minimum": 0},
    }
)
SEGMENTATION = shape(
    {
        "sourceSeriesInstanceUID": ANY_TEXT,
        "fileName": ANY_TEXT,
        "modality": {"const": "SEG"},
        "segments": items(SEGMENT),
    },
    words("sopInstanceUID", "seriesInstanceUID", "nodeID", "message"),
    description="A DICOM SEG has UIDs; labels of a NIfTI or NRRD file have none.",
)
SCENE_NODE = shape(
    {"type": {"enum": ["volume", "segmentation"]}},
    {"seriesInstanceUID": ANY_TEXT},
    description="What a scene-update can change, by its id.",
)
LOCAL_STUDY = shape(
    {
        "id": {"type": "string", "pattern": "^slicer-dicom:"},
        **words("name", "description", "studyInstanceUID"),
        "organization": {"const": "3d-slicer"},
        "modalities": items(ANY_TEXT),
        "format": {"const": "DICOM"},
        "openMode": {"const": "local-dicom"},
    }
)
SERIES = shape({**words("uid", "description"), "numberOfInstances": COUNT, "onScreen": SWITCH})
OPEN = {
    "if": shape({"context.type": {"const": "ImagingStudy"}}),
    "then": {"properties": {"context": {"type": "array", "contains": STUDY}}, "type": "object"},
}
CONTEXT_TYPE: Schema = {"enum": ["ImagingStudy", ""], "description": "ImagingStudy while a study is open."}

RECT: Schema = {
    "anyOf": [shape(dict.fromkeys(("left", "top", "width", "height"), NUMBER)), {"type": "null"}],
    "description": "In pixels.",
}
SIDES = shape({"width": NUMBER, "height": NUMBER})
LAYOUT = shape(
    optional={"type": {"const": "layout"}},
    required={
        "direction": {"enum": ["row", "column"]},
        "items": items(
            {
                "anyOf": [
                    shape({"type": {"const": "slot"}, "slotIndex": COUNT}),
                    {"$ref": "#/$defs/layout", "type": "object", "required": ["type"]},
                ]
            }
        ),
    },
)
FOREIGN = shape(
    words("nodeID", "name", "class", "studyInstanceUID"),
    description="What is drawn and not known to be of the view's study; of which study it is, empty: of none.",
)
CAMERA = shape(
    {
        "position": numbers(3, "RAS, mm"),
        "focalPoint": numbers(3, "RAS, mm"),
        "viewUp": numbers(3, "RAS"),
        "viewAngle": {**NUMBER, "description": "Degrees."},
        "parallelProjection": SWITCH,
        "parallelScale": NUMBER,
    }
)
VIEWPORT = shape(
    {
        "viewId": TEXT,
        "type": {"enum": ["2D", "3D"]},
        "slotIndex": COUNT,
        "name": ANY_TEXT,
        "screenRect": RECT,
        "layoutRect": RECT,
        "orientation": ANY_TEXT,
        "viewDirection": ANY_TEXT,
        "dataID": TEXT_OR_NULL,
        **words("studyInstanceUID", "seriesInstanceUID"),
        "thumbnail": shape(PICTURE, PIXELS),
    },
    {
        "picture": shape(PICTURE, PIXELS, description="The view at its full size."),
        **words("pictureOmitted", "layoutLabel", "nodeClass", "seriesDescription", "studyDate", "warning"),
        "confirmed": {**SWITCH, "description": "Whether the hub says that this is what is open."},
        "notConfirmedSince": {**ANY_TEXT, "description": "A time of the day."},
        "patient": {**shape(words("name", "id")), "description": "Where the asker wants it and may know it."},
        "foreign": items(FOREIGN),
        "sliceToRAS": numbers(16, "Row by row: from mm in the view to RAS, mm."),
        "sliceOffset": {**NUMBER, "description": "mm"},
        "fieldOfView": numbers(3, "mm"),
        "dimensions": items(COUNT, minItems=3, maxItems=3, description="Pixels."),
        "window": {"type": ["number", "null"]},
        "level": {"type": ["number", "null"]},
        "missingSlice": {**SWITCH, "description": "Whether the slice shown was never received."},
        "camera": CAMERA,
    },
)
NOT_TOLD: Schema = {**ANY_TEXT, "description": "Why it does not name the patient, though context.patientText asked."}
ROOM = ("screenX", "screenY", "frameLeft", "frameTop", "outerWidth", "outerHeight", "innerWidth", "innerHeight")

ANSWERED: dict[str, tuple[str, Schema]] = {
    "status-of-display": (
        "What an image display answers to STATUS",
        {
            **shape(
                {
                    **SOURCE,
                    "items": ITEMS,
                    "context": items(
                        {
                            "anyOf": [
                                STUDY,
                                keyed("segmentation", shape({"segmentations": items(SEGMENTATION)})),
                                keyed(
                                    "scene", shape({"nodes": {"type": "object", "additionalProperties": SCENE_NODE}})
                                ),
                                shape({"key": {"type": "string", "not": {"enum": ["study", "segmentation", "scene"]}}}),
                            ]
                        }
                    ),
                    "studies": items(LOCAL_STUDY, description="Those it has itself, newest first."),
                    "sceneview": {
                        "anyOf": [{"$ref": "scene-view.json"}, {"type": "object", "maxProperties": 0}],
                        "description": "What SCENEVIEW answers; empty as long as there is none.",
                    },
                },
                {
                    "context.type": CONTEXT_TYPE,
                    "studyInstanceUID": ANY_TEXT,
                    "series": items(SERIES, description="Those of the open study."),
                },
            ),
            **OPEN,
        },
    ),
    "status-of-provider": ("What a service provider answers to STATUS", shape({**SOURCE, "items": ITEMS})),
    "status-of-worklist": (
        "What a worklist answers to STATUS: what is open; an empty type and no context where nothing is",
        {
            **shape(
                {"context.type": CONTEXT_TYPE, "context": items(STUDY)},
                {"clientWindow": shape(dict.fromkeys(("left", "top", "width", "height"), NUMBER))},
            ),
            **OPEN,
        },
    ),
    "scene-view": (
        "What an image display answers to SCENEVIEW: its views, what they show, and pictures of them",
        {
            "$defs": {"layout": LAYOUT},
            **shape(
                {
                    "source": {"const": "sceneview"},
                    "product": ANY_TEXT,
                    "window": {
                        **shape(dict.fromkeys(ROOM, NUMBER)),
                        "description": "Without positive outerWidth and outerHeight it is not to be drawn.",
                    },
                    "display": shape(
                        {
                            "layoutName": ANY_TEXT,
                            "layout": {"$ref": "#/$defs/layout"},
                            "activeViewId": TEXT_OR_NULL,
                            "maximized": SWITCH,
                            "layoutScreenRect": RECT,
                            "layoutClientSize": SIDES,
                        }
                    ),
                    "viewports": items(VIEWPORT),
                },
                {"coordinateSystem": {"const": "RAS"}, "patientTextRefused": NOT_TOLD},
            ),
        },
    ),
    "picture": (
        "What an image display answers to PNGFULLSIZE, JPGFULLSIZE, PNGTHUMBNAIL and JPGTHUMBNAIL: one picture, twice",
        shape(
            {
                **PICTURE,
                "context.type": {"const": "Image"},
                "context": items(
                    keyed("image", shape({**PICTURE, "resourceType": {"const": "Binary"}}, PIXELS)), minItems=1
                ),
            },
            {**PIXELS, "viewId": TEXT, "name": ANY_TEXT, "patientTextRefused": NOT_TOLD},
        ),
    ),
    "no-answer": (
        "What anybody answers who was asked and cannot answer: a sentence, rather than silence",
        shape({"error": TEXT}),
    ),
}
