using AkkaCharging.Settings.Hocon;

namespace AkkaCharging.Settings;

/// <summary>What keeps accepted requests: <c>journal.kind</c>.</summary>
internal enum JournalKind
{
    /// <summary>One file, no server.</summary>
    Sqlite,

    /// <summary>A PostgreSQL database.</summary>
    Postgres,

    /// <summary>The process's memory: fast, and lost with it.</summary>
    Memory,
}

/// <summary>Block <c>journal</c>.</summary>
/// <param name="Synchronous">SQLite's <c>full</c> or <c>normal</c>.</param>
/// <param name="RetentionHours">How long a settled request can be looked up.</param>
/// <param name="MaxSettledRows">How many settled requests are kept at the most.</param>
/// <param name="MinFreeBytes">Free disk below which submissions are refused.</param>
internal sealed record JournalSettings(
    JournalKind Kind,
    string Path,
    string Synchronous,
    string ConnectionString,
    IReadOnlyList<string> EncryptionKeys,
    string EncryptionKeyFile,
    int RetentionHours,
    int MaxSettledRows,
    int MinFreeBytes
)
{
    /// <summary><see cref="RetentionHours"/> as a time.</summary>
    public TimeSpan Retention => TimeSpan.FromHours(RetentionHours);

    internal static JournalSettings Read(HoconSection hocon) =>
        new(
            Kind: hocon.Choice<JournalKind>("kind"),
            Path: hocon.One("path", SettingKind.NonEmpty),
            Synchronous: hocon.One("synchronous", SettingKind.OneOf("full", "normal")),
            ConnectionString: hocon.One("connectionString", SettingKind.Secret),
            EncryptionKeys: hocon.Many("encryptionKeys", SettingKind.EncryptionKey),
            EncryptionKeyFile: hocon.Text("encryptionKeyFile"),
            RetentionHours: hocon.Count("retentionHours", min: 1, max: 8_760),
            MaxSettledRows: hocon.Count("maxSettledRows", min: 0, max: 100_000_000),
            MinFreeBytes: hocon.Count("minFreeBytes", min: 0, max: 1_073_741_824)
        );
}
