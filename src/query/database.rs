//! SQL over what was published: tables of files, answered in bounded memory.

use std::collections::BTreeMap;
use std::fmt;
use std::path::absolute;
use std::slice;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::streaming::StreamingTable;
use datafusion::common::{Column, SchemaError, TableReference};
use datafusion::dataframe::DataFrame;
use datafusion::datasource::file_format::FileFormat;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::{
    ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl,
};
use datafusion::error::DataFusionError;
use datafusion::execution::context::{SQLOptions, SessionConfig, SessionContext};
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::ident;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;
use futures::{StreamExt, TryStreamExt, stream};
use url::Url;

use super::error::{QueryError, nearest};
use super::expressions::plain_text;
use super::files::Files;
use super::path::ColumnPath;
use super::place::Place;

/// What sorting and grouping may hold; beyond it they go to temporary files.
const MEMORY: usize = 1 << 30;

/// Every figure of a window as it was published last, but none from before a person restated the window: a revision by
/// targets says only what they change, and one that leaves a window out has no figures, hence no rows.
const LATEST: &str = "SELECT {columns} FROM (\
    SELECT r.*, rank() OVER (PARTITION BY r.model, r.version, r.epoch, r.dataset, r.segment, r.window_index, \
        r.kind, r.metric, r.method, r.column_name, r.\"of\" ORDER BY r.revision DESC) AS newest \
    FROM results r {restated}) WHERE newest = 1";

/// What persons restated, where that is known.
const RESTATED: &str = "LEFT JOIN (\
    SELECT model, version, window_index, max(revision) AS since FROM messages \
    WHERE segment = 'all' AND revision_cause IN ('excluded', 'replaced') GROUP BY model, version, window_index) m \
    ON r.model = m.model AND r.version = m.version AND r.window_index = m.window_index \
    WHERE r.revision >= coalesce(m.since, 0)";

/// What tells figures apart, and which of them is newest.
const TOLD_APART: &[&str] = &[
    "model",
    "version",
    "epoch",
    "dataset",
    "segment",
    "window_index",
    "kind",
    "metric",
    "method",
    "column_name",
    "of",
    "revision",
];

/// Tables that can be asked.
pub struct Database {
    context: SessionContext,
    /// The columns of each; none of a table that is made when it is asked for.
    tables: BTreeMap<String, Vec<String>>,
    /// Tables that are made when a query names them.
    varied: BTreeMap<String, Varied>,
    /// Tables that are made of others when a query names them: which, and how.
    joined: BTreeMap<String, Joined>,
}

/// Files whose columns differ.
struct Varied {
    url: ListingTableUrl,
    /// What all of them have.
    schema: SchemaRef,
}

/// A table that is made of others.
struct Joined {
    of: Vec<&'static str>,
    sql: &'static str,
}

/// What the folders of files are named by.
const MODEL: &str = "model";
const DATE: &str = "date";
const PARQUET: &str = ".parquet";
/// So many files are asked for their columns at once.
const AT_ONCE: usize = 16;

fn parquet() -> ParquetFormat {
    ParquetFormat::default().with_force_view_types(false)
}

/// How files lie in folders by model and day.
fn listing() -> ListingOptions {
    let partitions = [(MODEL, DataType::Utf8), (DATE, DataType::Date32)];
    let partitions = partitions.map(|(name, data_type)| (name.to_owned(), data_type));
    ListingOptions::new(Arc::new(parquet()))
        .with_file_extension(PARQUET)
        .with_table_partition_cols(partitions.to_vec())
}

/// Rows of an answer, as they come.
pub struct Answer {
    schema: SchemaRef,
    rows: SendableRecordBatchStream,
}

impl Database {
    /// Without tables.
    ///
    /// # Errors
    /// None that is known.
    pub fn new() -> Result<Self, QueryError> {
        let pool = Arc::new(FairSpillPool::new(MEMORY));
        let runtime = RuntimeEnvBuilder::new()
            .with_memory_pool(pool)
            .build_arc()
            .map_err(|error| bare(&error))?;
        let context = SessionContext::new_with_config_rt(SessionConfig::new(), runtime);
        Ok(Self {
            context,
            tables: BTreeMap::new(),
            varied: BTreeMap::new(),
            joined: BTreeMap::new(),
        })
    }

    /// A table of the Parquet files in a folder of some places, `folder/model=<model>/date=<day>/`; `schema` is that of
    /// the files, `columns` the order in which the table has them, with `model` and `date`.
    ///
    /// # Errors
    /// A place that cannot be asked.
    pub fn add_folder(
        &mut self,
        table: &str,
        places: &[Place],
        schema: &SchemaRef,
        columns: &[&str],
    ) -> Result<(), QueryError> {
        let mut whole: Option<DataFrame> = None;
        for place in places {
            let url = self.url(place, table)?;
            let rows = self.listed(url, schema, columns)?;
            whole = Some(match whole {
                Some(whole) => whole.union(rows).map_err(|error| bare(&error))?,
                None => rows,
            });
        }
        let Some(whole) = whole else { return Ok(()) };
        self.add(table, whole)
    }

    /// The rows of the files in a folder.
    fn listed(
        &self,
        url: ListingTableUrl,
        schema: &SchemaRef,
        columns: &[&str],
    ) -> Result<DataFrame, QueryError> {
        let config = ListingTableConfig::new(url)
            .with_listing_options(listing())
            .with_schema(Arc::clone(schema));
        ListingTable::try_new(config)
            .and_then(|listed| self.context.read_table(Arc::new(listed)))
            .and_then(|rows| rows.select(columns.iter().map(|&name| ident(name))))
            .map_err(|error| bare(&error))
    }

    /// A table as [`Database::add_folder`] makes it, of files that have other columns behind those of `schema`, each file
    /// others: the table has all of them. What they are is read of every file, so that is done when a query names the
    /// table.
    ///
    /// # Errors
    /// A place that cannot be asked.
    pub fn add_varied(
        &mut self,
        table: &str,
        place: &Place,
        schema: &SchemaRef,
    ) -> Result<(), QueryError> {
        let varied = Varied { url: self.url(place, table)?, schema: Arc::clone(schema) };
        self.tables.insert(table.to_owned(), Vec::new());
        self.varied.insert(table.to_owned(), varied);
        Ok(())
    }

    /// A table that a query makes of others; that is done when one names it.
    pub fn add_joined(&mut self, table: &str, of: &[&'static str], sql: &'static str) {
        self.tables.insert(table.to_owned(), Vec::new());
        self.joined.insert(table.to_owned(), Joined { of: of.to_vec(), sql });
    }

    /// Makes the tables that a query names and that are not made yet.
    async fn make_named(&self, sql: &str) -> Result<(), QueryError> {
        if self.varied.is_empty() {
            return Ok(());
        }
        let state = self.context.state();
        let dialect = state.config_options().sql_parser.dialect;
        // What cannot be understood is refused when it is planned.
        let named = state.sql_to_statement(sql, &dialect);
        let Ok(named) = named.and_then(|read| state.resolve_table_references(&read)) else {
            return Ok(());
        };
        for name in named.iter().map(TableReference::table) {
            match self.joined.get(name) {
                Some(joined) if !self.is_made(name)? => {
                    for of in &joined.of {
                        self.make_varied(of).await?;
                    }
                    let rows = self.context.sql(joined.sql).await;
                    let rows = rows.map_err(|error| bare(&error))?;
                    self.register(name, rows)?;
                }
                _ => self.make_varied(name).await?,
            }
        }
        Ok(())
    }

    fn is_made(&self, table: &str) -> Result<bool, QueryError> {
        self.context.table_exist(table).map_err(|error| bare(&error))
    }

    async fn make_varied(&self, table: &str) -> Result<(), QueryError> {
        let Some(Varied { url, schema }) = self.varied.get(table) else { return Ok(()) };
        if self.is_made(table)? {
            return Ok(());
        }
        let schema = self.united(url, schema).await.map_err(|error| bare(&error))?;
        let names = schema.fields().iter().map(|field| field.name().as_str());
        let columns: Vec<&str> = [MODEL].into_iter().chain(names).chain([DATE]).collect();
        let rows = self.listed(url.clone(), &schema, &columns)?;
        self.register(table, rows)
    }

    /// The columns of all files in a folder, behind these.
    async fn united(
        &self,
        url: &ListingTableUrl,
        before: &SchemaRef,
    ) -> Result<SchemaRef, DataFusionError> {
        let state = self.context.state();
        let store = self.context.runtime_env().object_store(url)?;
        let files: Vec<_> =
            url.list_all_files(&state, &*store, PARQUET).await?.try_collect().await?;
        let (format, state, store) = (&parquet(), &state, &store);
        let schemas = files.into_iter().map(|file| async move {
            FileFormat::infer_schema(format, state, store, slice::from_ref(&file)).await
        });
        let mut schemas = stream::iter(schemas).buffered(AT_ONCE);
        let mut fields: Vec<Field> =
            before.fields().iter().map(|field| field.as_ref().clone()).collect();
        let mut known: BTreeMap<String, usize> =
            (0..).zip(&fields).map(|(at, field)| (field.name().clone(), at)).collect();
        while let Some(schema) = schemas.try_next().await? {
            for field in schema.fields() {
                match known.get(field.name()) {
                    // One that holds numbers here and labels there: text says both.
                    Some(&at) if fields[at].data_type() != field.data_type() => {
                        fields[at] = Field::new(field.name(), DataType::Utf8, true);
                    }
                    Some(_) => {}
                    None => {
                        known.insert(field.name().clone(), fields.len());
                        fields.push(field.as_ref().clone().with_nullable(true));
                    }
                }
            }
        }
        Ok(Arc::new(Schema::new(fields)))
    }

    /// A table of files, of any format that is read.
    ///
    /// # Errors
    /// Columns that cannot be read.
    pub fn add_files(&mut self, table: &str, files: &Files) -> Result<(), QueryError> {
        let columns = ColumnPath::leaves(files.schema());
        let field = |column: &ColumnPath| {
            let data_type = column.data_type(files.schema()).unwrap_or(DataType::Null);
            Field::new(column.name(), data_type, true)
        };
        let schema = Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()));
        let read = FilesAsTable { files: files.clone(), columns, schema: Arc::clone(&schema) };
        let rows = StreamingTable::try_new(schema, vec![Arc::new(read)])
            .and_then(|read| self.context.read_table(Arc::new(read)))
            .map_err(|error| bare(&error))?;
        self.add(table, rows)
    }

    /// A table `latest`: of `results` every figure as it was published last. None where that lacks what tells figures
    /// apart.
    ///
    /// # Errors
    /// None that is known.
    pub async fn add_latest(&mut self) -> Result<(), QueryError> {
        let Some(columns) = self.tables.get("results") else { return Ok(()) };
        if !TOLD_APART.iter().all(|&name| columns.iter().any(|column| column == name)) {
            return Ok(());
        }
        let columns: Vec<String> = columns.iter().map(|name| format!("\"{name}\"")).collect();
        let restated = if self.tables.contains_key("messages") { RESTATED } else { "" };
        let sql = LATEST.replace("{columns}", &columns.join(", ")).replace("{restated}", restated);
        let rows = self.context.sql(&sql).await.map_err(|error| bare(&error))?;
        self.add("latest", rows)
    }

    fn add(&mut self, table: &str, rows: DataFrame) -> Result<(), QueryError> {
        let columns = rows.schema().fields().iter().map(|field| field.name().clone()).collect();
        self.register(table, rows)?;
        self.tables.insert(table.to_owned(), columns);
        Ok(())
    }

    fn register(&self, table: &str, rows: DataFrame) -> Result<(), QueryError> {
        let registered = self.context.register_table(table, rows.into_view());
        registered.map(drop).map_err(|error| bare(&error))
    }

    /// The folder as the SQL library finds it.
    fn url(&self, place: &Place, folder: &str) -> Result<ListingTableUrl, QueryError> {
        let unusable = |problem: String| QueryError::Input { input: place.to_string(), problem };
        let url = match (place.local(), place.remote()) {
            (Some(path), _) => {
                let path = absolute(path.join(folder)).map_err(|e| unusable(e.to_string()))?;
                Url::from_directory_path(path).map_err(|()| unusable("no path".to_owned()))?
            }
            (None, Some((url, store))) => {
                self.context.register_object_store(url, Arc::clone(store));
                let text = format!("{}/{folder}/", url.as_str().trim_end_matches('/'));
                Url::parse(&text).map_err(|error| unusable(error.to_string()))?
            }
            (None, None) => return Err(unusable("it is nowhere".to_owned())),
        };
        // Without a pattern: a star in a folder's name is a star.
        ListingTableUrl::try_new(url, None).map_err(|error| bare(&error))
    }

    /// Answers a query that reads.
    ///
    /// # Errors
    /// What cannot be understood, with the tables and columns that there are.
    pub async fn query(&self, sql: &str) -> Result<Answer, QueryError> {
        let reading = SQLOptions::new()
            .with_allow_ddl(false)
            .with_allow_dml(false)
            .with_allow_statements(false);
        self.make_named(sql).await?;
        let planned = self.context.sql_with_options(sql, reading).await;
        let rows = planned.map_err(|error| self.refused(&error))?;
        let schema = Arc::new(rows.schema().as_arrow().clone());
        let rows = rows.execute_stream().await.map_err(|error| self.refused(&error))?;
        Ok(Answer { schema, rows })
    }

    /// In our words, with the way out.
    fn refused(&self, error: &DataFusionError) -> QueryError {
        let named = |names: Vec<&str>, wanted: &str| {
            let meant = nearest(wanted, names.iter().copied());
            let meant = meant.map_or_else(String::new, |name| format!("did you mean `{name}`? "));
            let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
            format!("{meant}There are {}", names.join(", "))
        };
        let problem = match error.find_root() {
            DataFusionError::SchemaError(source, _) => match &**source {
                SchemaError::FieldNotFound { field, valid_fields } => {
                    let mut names: Vec<&str> = valid_fields.iter().map(Column::name).collect();
                    names.sort_unstable();
                    names.dedup();
                    format!("there is no column `{0}`; {1}", field.name, named(names, &field.name))
                }
                other => plain_text(&other.to_string()),
            },
            other => {
                let text = plain_text(&other.strip_backtrace());
                // The library calls a table by catalog and schema too.
                let missing = text
                    .strip_prefix("table '")
                    .and_then(|rest| rest.strip_suffix("' not found"))
                    .map(|name| name.rsplit('.').next().unwrap_or(name));
                match missing {
                    Some(name) => {
                        let tables = self.tables.keys().map(String::as_str).collect();
                        format!("there is no table `{name}`; {}", named(tables, name))
                    }
                    None => text,
                }
            }
        };
        QueryError::Sql { problem }
    }
}

impl Answer {
    /// Its columns.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The next rows; `None` after the last.
    ///
    /// # Errors
    /// A file that cannot be read, a cast that cannot be done, too little room for what is sorted.
    pub async fn next(&mut self) -> Result<Option<RecordBatch>, QueryError> {
        self.rows.next().await.transpose().map_err(|error| bare(&error))
    }
}

/// What the SQL library says where nothing better is known.
fn bare(error: &DataFusionError) -> QueryError {
    QueryError::Sql { problem: plain_text(&error.find_root().strip_backtrace()) }
}

/// Files, read once for every query that names them.
#[derive(Debug)]
struct FilesAsTable {
    files: Files,
    columns: Vec<ColumnPath>,
    schema: SchemaRef,
}

impl PartitionStream for FilesAsTable {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let failed = |error: QueryError| DataFusionError::External(Box::new(error));
        let rows = match self.files.scan(&self.columns) {
            Ok(scan) => scan.map_err(failed).boxed(),
            Err(error) => stream::once(async move { Err(failed(error)) }).boxed(),
        };
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), rows))
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database").field("tables", &self.tables).finish_non_exhaustive()
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").field("schema", &self.schema).finish_non_exhaustive()
    }
}
