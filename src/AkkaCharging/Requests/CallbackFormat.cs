namespace AkkaCharging.Requests;

/// <summary>The format of a request's callbacks: <c>callbackFormat</c> of a submission.</summary>
internal enum CallbackFormat
{
    /// <summary>The body has the four fields of the contract.</summary>
    Default,

    /// <summary>The body has the four fields, then further details of the decision.</summary>
    Extended,
}

/// <summary>The names of callback formats in JSON and in the journal.</summary>
internal static class CallbackFormats
{
    private static readonly string[] Names = ["default", "extended"];

    /// <summary>Returns <c>default</c> or <c>extended</c>.</summary>
    public static string Name(this CallbackFormat format) => Names[(int)format];

    /// <summary>Reads the stored name; a name that this version does not know is the default.</summary>
    public static CallbackFormat FromJournal(string? name) =>
        TryParse(name, out var format) ? format : CallbackFormat.Default;

    /// <summary>Parses what <see cref="Name"/> wrote.</summary>
    public static bool TryParse(string? name, out CallbackFormat format)
    {
        var index = Array.IndexOf(Names, name);
        format = (CallbackFormat)Math.Max(index, 0);
        return index >= 0;
    }
}
