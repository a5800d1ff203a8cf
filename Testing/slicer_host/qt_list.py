"""What the stand-in's ``qt`` module holds: the classes the modules use, and nothing else.

A class that is missing is added here, in one line. Slicer's ``qt`` holds hundreds more; the short list keeps a module
from leaning on a class nobody has tried under PythonQt's manners.
"""

from __future__ import annotations

# Classes, by the PySide6 module that holds them (in Qt 5, and so in Slicer, all are in one namespace).
CORE = (
    "QByteArray", "QCoreApplication", "QDate", "QDateTime", "QDir", "QEvent", "QEventLoop", "QFile", "QFileInfo",
    "QIODevice", "QItemSelectionModel", "QLocale", "QMimeData", "QModelIndex", "QObject", "QPoint", "QPointF",
    "QProcess", "QProcessEnvironment", "QRect", "QRectF", "QRegularExpression", "QSettings", "QSignalBlocker", "QSize",
    "QSizeF", "QSortFilterProxyModel", "QStandardPaths", "QSysInfo", "QTime", "QTimer", "QUrl", "Qt",
)  # fmt: skip
GUI = (
    "QBrush", "QClipboard", "QColor", "QCursor", "QDesktopServices", "QFont", "QFontDatabase", "QFontMetrics", "QIcon",
    "QImage", "QIntValidator", "QKeyEvent", "QKeySequence", "QMouseEvent", "QPainter", "QPalette", "QPen", "QPixmap",
    "QRegularExpressionValidator", "QStandardItem", "QStandardItemModel", "QTextCursor", "QTextDocument", "QTextOption",
)  # fmt: skip
WIDGETS = (
    "QAbstractButton", "QAbstractItemView", "QAbstractScrollArea", "QAbstractSpinBox", "QApplication", "QBoxLayout",
    "QButtonGroup", "QCheckBox", "QComboBox", "QCompleter", "QDialog", "QDialogButtonBox", "QDoubleSpinBox",
    "QFileDialog", "QFormLayout", "QFrame", "QGridLayout", "QGroupBox", "QHBoxLayout", "QHeaderView", "QInputDialog",
    "QLabel", "QLayout", "QLineEdit", "QListWidget", "QListWidgetItem", "QMainWindow", "QMenu", "QMessageBox",
    "QPlainTextEdit", "QProgressBar", "QProgressDialog", "QPushButton", "QRadioButton", "QScrollArea", "QScrollBar",
    "QSizePolicy", "QSpacerItem", "QSpinBox", "QSplitter", "QStackedLayout", "QStackedWidget", "QStyle",
    "QStyledItemDelegate", "QTabWidget", "QTableView", "QTableWidget", "QTableWidgetItem", "QTextBrowser", "QTextEdit",
    "QToolBar", "QToolButton", "QToolTip", "QTreeView", "QTreeWidget", "QTreeWidgetItem", "QVBoxLayout", "QWidget",
)  # fmt: skip
# In Qt 5 these two are widgets; Qt 6 moved them.
MOVED = (("QAction", "QtGui"), ("QShortcut", "QtGui"))

# Members that Qt 6 has and Qt 5.15 has not, by class: Slicer built on Qt 5 refuses them, so the stand-in does.
QT6_ONLY: dict[str, tuple[str, ...]] = {
    "QAbstractItemView": ("keyboardSearchFlags", "setKeyboardSearchFlags", "setUpdateThreshold", "updateThreshold"),
    "QAbstractSpinBox": ("returnPressed",),
    "QAction": ("associatedObjects", "checkableChanged", "enabledChanged", "resetEnabled", "visibleChanged"),
    "QApplication": ("setBadgeNumber",),
    "QByteArray": ("first", "isValidUtf8", "last", "sliced"),
    "QCheckBox": ("checkStateChanged",),
    "QColor": ("fromString", "toTuple"),
    "QComboBox": ("LabelDrawingMode", "labelDrawingMode", "setLabelDrawingMode"),
    "QDate": ("toPython",),
    "QDateTime": ("toPython",),
    "QFileInfo": ("readSymLink", "stat"),
    "QFormLayout": ("isRowVisible", "setRowVisible"),
    "QHeaderView": ("isSortIndicatorClearable", "setSortIndicatorClearable", "sortIndicatorClearableChanged"),
    "QIcon": ("ThemeIcon",),
    "QLayout": ("horizontalSizeConstraint", "setHorizontalSizeConstraint",
                "setVerticalSizeConstraint", "verticalSizeConstraint"),
    "QListWidget": ("setSupportedDragActions", "supportedDragActions"),
    "QMessageBox": ("Option", "options", "setOption", "setOptions", "testOption"),
    "QMouseEvent": ("globalPosition", "position", "scenePosition"),
    "QPalette": ("accent",),
    "QPoint": ("toPointF", "toTuple"),
    "QPointF": ("toTuple",),
    "QProcess": ("startCommand", "setUnixProcessParameters", "unixProcessParameters"),
    "QShortcut": ("keys", "setKeys"),
    "QSignalBlocker": ("dismiss",),
    "QSize": ("toSizeF", "toTuple"),
    "QSizeF": ("toTuple",),
    "QSortFilterProxyModel": ("autoAcceptChildRows", "beginFilterChange", "endFilterChange", "setAutoAcceptChildRows"),
    "QStyle": ("name",),
    "QTableWidget": ("setSupportedDragActions", "supportedDragActions"),
    "QTextDocument": ("isLayoutEnabled", "setLayoutEnabled"),
    "QTime": ("toPython",),
    "QTimer": ("id", "intervalAsDuration", "remainingTimeAsDuration"),
    "QTreeWidget": ("setSupportedDragActions", "supportedDragActions"),
    "QWidget": ("accessibleIdentifier", "setAccessibleIdentifier"),
    "Qt": ("ColorScheme",),
}  # fmt: skip
# Properties of Qt 6 whose getters are plain methods in Qt 5.15, and the one PythonQt leaves a method:
# `QTimer.singleShot` is its static function.
METHODS_HERE = ("contentsMargins", "sectionsClickable", "sectionsMovable", "singleShot")
